"""Enumerations of the protocol whose members are their own text."""

from __future__ import annotations

from enum import Enum


class TextEnum(str, Enum):
    """A string enumeration. A member prints as its text in JSON and Redis, not as its Python name."""

    def __str__(self) -> str:
        return str(self.value)
