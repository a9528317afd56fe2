"""Cursors: positions in a channel's log."""

from __future__ import annotations

import re
from typing import NamedTuple

_TEXT = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)
_LARGEST = 2**64 - 1


class Cursor(NamedTuple):
    """A position in a log. Later events have larger cursors."""

    millis: int
    """Milliseconds since the Unix epoch, by the bus's clock."""
    sequence: int
    """The number of the event within that millisecond."""

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Parses a cursor."""
        found = _TEXT.fullmatch(text)
        # A longer text is no cursor, and converting thousands of digits takes long.
        parts = [int(part) for part in found.groups() if len(part) <= 40] if found else []
        if len(parts) != 2 or max(parts) > _LARGEST:
            raise ValueError("expected a cursor as an event carries it, like `1763719200123-0`")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.millis}-{self.sequence}"
