"""Runs the checks and prints `N passed, N failed`."""

import signal
import sys

from . import compose, dashboard, image, kubernetes, rules, traces  # noqa: F401  the imports register the checks
from . import live  # noqa: F401  last, since it takes longest
from .processes import stop_all
from .report import run


def main():
    # Raises SystemExit, so that the started processes are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        passed, failed = run(sys.argv[1:])
    finally:
        stop_all()
    print(f"{passed} passed, {failed} failed")
    # A run without checks is a failure.
    return 1 if failed or not passed else 0


sys.exit(main())
