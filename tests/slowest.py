"""Prints the ten slowest tests of these logs: of cargo, of Node.js' runner (TAP or spec) and of pytest."""

import re
import sys
from pathlib import Path

RUST_BINARY = re.compile(r"^\s+Running .*\(.*/(.+)-[0-9a-f]+\)")
RUST = re.compile(r"^test (.+) \.\.\. \w+ <([\d.]+)s>")
SPEC = re.compile(r"^\s*[✔✖] (.+) \(([\d.]+)ms\)")
TAP = re.compile(r"^\s*(?:not )?ok \d+ - (.+)")
TAP_DURATION = re.compile(r"^\s*duration_ms: ([\d.]+)")
PYTEST = re.compile(r"^([\d.]+)s call\s+(.+)")


def tests(log):
    """Yields the seconds and the name of each test of a log."""
    prefix = name = ""
    duration = 0.0
    for line in log.read_text(errors="replace").splitlines():
        if found := RUST_BINARY.match(line):
            prefix = found[1] + "::"
        elif found := RUST.match(line):
            yield float(found[2]), prefix + found[1]
        elif found := SPEC.match(line):
            yield float(found[2]) / 1000, found[1]
        elif found := PYTEST.match(line):
            yield float(found[1]), found[2]
        elif found := TAP.match(line):
            name = found[1]
        elif name and (found := TAP_DURATION.match(line)):
            duration = float(found[1]) / 1000
        elif name and "type: 'suite'" in line:
            name = ""
        elif name and line.strip() == "...":
            yield duration, name
            name = ""


def main():
    # A set, because the spec reporter prints failed tests twice.
    found = {(seconds, log.stem, name) for log in map(Path, sys.argv[1:]) for seconds, name in tests(log)}
    for seconds, step, name in sorted(found, reverse=True)[:10]:
        print(f"{seconds:7.1f} s  {step}: {name}")


main()
