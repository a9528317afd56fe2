"""Runs the checks and closes with `N passed, N failed`."""

import signal
import sys

from . import compose, dashboard, image, kubernetes, rules, traces  # noqa: F401  they register themselves
from . import live  # noqa: F401  last: it takes longest
from .processes import stop_all
from .report import run


def main():
    # As an exception, so that what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        passed, failed = run(sys.argv[1:])
    finally:
        stop_all()
    print(f"{passed} passed, {failed} failed")
    # Nothing checked is not a success.
    return 1 if failed or not passed else 0


sys.exit(main())
