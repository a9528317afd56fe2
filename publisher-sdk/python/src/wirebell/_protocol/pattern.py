"""Patterns over names, in which `*` stands for any run of characters, also none. Nothing else is special."""

from __future__ import annotations


def matches(pattern: str, name: str) -> bool:
    """Does the whole name fit?"""
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
