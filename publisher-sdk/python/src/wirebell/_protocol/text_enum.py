"""A word of the protocol: an enumeration's member that is its own text."""

from __future__ import annotations

from enum import Enum


class TextEnum(str, Enum):
    """Text as it stands in JSON and in Redis. Printed, it is that text and not its Python name."""

    def __str__(self) -> str:
        return str(self.value)
