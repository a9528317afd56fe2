"""Judges a report of the AutobahnTestsuite: every case must have passed, or have been none of ours.

python3 check_report.py INDEX.json CASES      CASES is how many there must be, so that a suite that ran nothing does not pass
"""

import json
import sys
from collections import Counter

# NON-STRICT: right, and later than it could be. INFORMATIONAL: the RFC leaves it open. UNIMPLEMENTED: compression,
# which the door does not offer.
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"}
COMPRESSION = ("12.", "13.")


def failures(cases: dict[str, dict]) -> list[str]:
    """What is wrong with the cases, one line each."""
    found = []
    for name, case in cases.items():
        behavior, close = case["behavior"], case["behaviorClose"]
        if {behavior, close} - GOOD:
            found.append(f"{name}: {behavior}, its goodbye {goodbye} ({case['reportfile']})")
        elif behavior == "UNIMPLEMENTED" and not name.startswith(COMPRESSION):
            found.append(f"{name}: {behavior}, though it is no case of compression")
    return found


def main() -> None:
    index, expected = sys.argv[1], int(sys.argv[2])
    with open(index, encoding="utf-8") as file:
        cases = json.load(file)["wirebell"]
    failed = failures(cases)
    if len(cases) != expected:
        failed.append(f"{len(cases)} cases were run; expected {expected}")
    counted = Counter(case["behavior"] for case in cases.values())
    print(", ".join(f"{count} {behavior}" for behavior, count in counted.most_common()))
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
