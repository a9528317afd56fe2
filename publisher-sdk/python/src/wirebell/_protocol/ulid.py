"""ULIDs: ids that nobody else makes, and that sort by the millisecond in which they were made."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(millis: int, random: int) -> str:
    """The one of this time, with eighty random bits, both of which the caller brings."""
    number = millis << 80 | random
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(26)))
