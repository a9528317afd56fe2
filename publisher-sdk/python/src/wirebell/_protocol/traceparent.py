"""W3C trace context, as far as an event carries it."""

from __future__ import annotations

import re

_VERSION_0 = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def is_traceparent(text: str) -> bool:
    """Returns whether it is `00-<trace id>-<parent id>-<flags>` in lower-case hexadecimal, with no id of zeros."""
    return _VERSION_0.fullmatch(text) is not None
