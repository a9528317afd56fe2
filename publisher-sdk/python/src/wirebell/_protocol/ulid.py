"""ULIDs: unique ids that sort by the millisecond of their creation."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(millis: int, random: int) -> str:
    """Returns the ULID of a time and eighty random bits."""
    number = millis << 80 | random
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(26)))
