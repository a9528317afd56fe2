"""Checks a report of the AutobahnTestsuite: every case must pass, or test compression, which the client API does not offer.

python3 check_report.py INDEX.json CASES

CASES is the expected number of cases, so that an empty report does not pass.
"""

import json
import sys
from collections import Counter

# NON-STRICT: correct, but later than possible. INFORMATIONAL: the RFC does not decide it. UNIMPLEMENTED: compression,
# which the client API does not offer.
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"}
COMPRESSION = ("12.", "13.")


def failures(cases: dict[str, dict]) -> list[str]:
    """Returns one line for each failed case."""
    found = []
    for name, case in cases.items():
        behavior, close = case["behavior"], case["behaviorClose"]
        if {behavior, close} - GOOD:
            found.append(f"{name}: {behavior}, closing {close} ({case['reportfile']})")
        elif behavior == "UNIMPLEMENTED" and not name.startswith(COMPRESSION):
            found.append(f"{name}: {behavior}, but the case does not test compression")
    return found


def main() -> None:
    index, expected = sys.argv[1], int(sys.argv[2])
    with open(index, encoding="utf-8") as file:
        cases = json.load(file)["wirebell"]
    failed = failures(cases)
    if len(cases) != expected:
        failed.append(f"{len(cases)} cases ran; expected {expected}")
    counted = Counter(case["behavior"] for case in cases.values())
    print(", ".join(f"{count} {behavior}" for behavior, count in counted.most_common()))
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
