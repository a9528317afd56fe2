"""Channels: the addresses of events. A channel is a plain string; this module checks it."""

from __future__ import annotations

import re
import unicodedata

MAX_CHANNEL_BYTES = 256
KINDS = ("user", "topic", "conn")

# A node's id, a dot, and a number in hexadecimal as a node writes it.
_CONNECTION = re.compile(r"[a-z0-9]{8}\.(?:0|[1-9a-f][0-9a-f]{0,15})")


class InvalidChannel(ValueError):
    """The text is not a channel name. `code` is the reason in one word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check(name: str) -> str:
    """Returns the name if it is a channel."""
    if utf8_length(name) > MAX_CHANNEL_BYTES:
        raise InvalidChannel("too_long", f"longer than {MAX_CHANNEL_BYTES} bytes")
    if name == "all":
        return name
    kind, colon, rest = name.partition(":")
    if not colon or kind not in KINDS:
        raise InvalidChannel("kind", "expected `user:<id>`, `topic:<name>`, `conn:<connection id>` or `all`")
    if not rest:
        raise InvalidChannel("empty", "the part after the colon is empty")
    # These characters would break the hash tag of a key, or a header that contains the name.
    if any(letter in "{}" or letter.isspace() or is_control(letter) for letter in rest):
        message = "a space, a control character, `{` or `}` is not allowed in a channel"
        raise InvalidChannel("character", message)
    if kind == "conn" and not _CONNECTION.fullmatch(rest):
        raise InvalidChannel("connection", "not a connection id as in `wirebell.welcome`")
    return name


def connection(name: str) -> tuple[str, str] | None:
    """Returns the node and the number if the channel is that of a connection."""
    kind, _, rest = name.partition(":")
    if kind != "conn":
        return None
    node, _, number = rest.partition(".")
    return node, number


def is_control(letter: str) -> bool:
    """Returns whether it is a control character, in ASCII or beyond."""
    return unicodedata.category(letter) == "Cc"


def utf8_length(text: str) -> int:
    """Returns the length in bytes. Raises for a lone surrogate, which UTF-8 cannot represent."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidChannel("character", "a lone surrogate is not a character") from None
