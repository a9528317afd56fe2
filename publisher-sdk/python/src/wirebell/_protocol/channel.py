"""A channel: the address of an event. It is a plain string here; this module tells which strings are one."""

from __future__ import annotations

import re
import unicodedata

MAX_CHANNEL_BYTES = 256
KINDS = ("user", "topic", "conn")

# A node's id, a dot, and a number in hexadecimal as a node writes it.
_CONNECTION = re.compile(r"[a-z0-9]{8}\.(?:0|[1-9a-f][0-9a-f]{0,15})")


class InvalidChannel(ValueError):
    """The text is not the name of a channel. `fault` says in a word why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check(name: str) -> str:
    """The name, if it is one of a channel."""
    if utf8_length(name) > MAX_CHANNEL_BYTES:
        raise InvalidChannel("too_long", f"longer than {MAX_CHANNEL_BYTES} bytes")
    if name == "all":
        return name
    kind, colon, rest = name.partition(":")
    if not colon or kind not in KINDS:
        raise InvalidChannel("kind", "expected `user:<id>`, `topic:<name>`, `conn:<connection id>` or `all`")
    if not rest:
        raise InvalidChannel("empty", "the part behind the colon is empty")
    # Whatever would break the hash tag of a key, or a header in which the name stands.
    if any(letter in "{}" or letter.isspace() or is_control(letter) for letter in rest):
        message = "a space, a control character, `{` or `}` is not allowed in a channel"
        raise InvalidChannel("character", message)
    if kind == "conn" and not _CONNECTION.fullmatch(rest):
        raise InvalidChannel("connection", "not a connection id as in `wirebell.welcome`")
    return name


def connection(name: str) -> tuple[str, str] | None:
    """The node and the number, if it is the channel of one connection."""
    kind, _, rest = name.partition(":")
    if kind != "conn":
        return None
    node, _, number = rest.partition(".")
    return node, number


def is_control(letter: str) -> bool:
    """Is it a control character, of ASCII or beyond?"""
    return unicodedata.category(letter) == "Cc"


def utf8_length(text: str) -> int:
    """How many bytes it takes. Half of a surrogate pair cannot be written as UTF-8 at all."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidChannel("character", "half of a surrogate pair is not a character") from None
