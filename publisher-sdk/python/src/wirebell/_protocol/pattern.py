"""Patterns over names: `*` matches any run of characters, also an empty one. No other character is special."""

from __future__ import annotations


def matches(pattern: str, name: str) -> bool:
    """Returns whether the whole name matches."""
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    *between, last = others
    if not name.startswith(first):
        return False
    at = len(first)
    for piece in between:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(name) - at >= len(last) and name.endswith(last)
