"""A cursor: a position in a channel's log."""

from __future__ import annotations

import re
from typing import NamedTuple

_TEXT = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)
_LARGEST = 2**64 - 1


class Cursor(NamedTuple):
    """A position in a log. Later events have larger ones."""

    millis: int
    """Milliseconds since the Unix epoch, by the bus' clock."""
    sequence: int
    """The event's number within that millisecond."""

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Reads a cursor as an event carries it."""
        found = _TEXT.fullmatch(text)
        # Longer ones are none, and reading thousands of digits would take long.
        parts = [int(part) for part in found.groups() if len(part) <= 40] if found else []
        if len(parts) != 2 or max(parts) > _LARGEST:
            raise ValueError("expected a cursor as an event carries it, like `1763719200123-0`")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.millis}-{self.sequence}"
