"""Writes the reply of a service as JSON."""

from __future__ import annotations

from .._protocol import raw_json
from .._protocol.inbox import MAX_REPLY_BYTES
from .._protocol.raw_json import RawJson
from ..errors import InvalidReply


def reply_json(reply: object) -> str:
    """Returns the reply as JSON."""
    try:
        text = raw_json.check(reply.text) if isinstance(reply, RawJson) else raw_json.write(reply)
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidReply("a lone surrogate is not a character") from None
    except ValueError as error:
        raise InvalidReply(str(error)) from None
    if size > MAX_REPLY_BYTES:
        raise InvalidReply(f"{size} bytes; at most {MAX_REPLY_BYTES}", "too_large")
    return text
