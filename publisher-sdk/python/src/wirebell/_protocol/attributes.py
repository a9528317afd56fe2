"""Checks the attributes of an event one by one, so an error names the attribute and the expected value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from ..errors import InvalidEvent
from . import channel as channels
from . import raw_json, timestamps
from .classes import Class, Durability
from .raw_json import RawJson
from .traceparent import is_traceparent

MAX_CHANNELS = 1_000
MAX_NAME_BYTES = 256
MAX_DATA_BYTES = 1024 * 1024
MAX_COPIED_BYTES = 32 * 1024 * 1024
LONGEST_DEADLINE = 7 * 24 * 60 * 60
LONGEST_TTL = 366 * 24 * 60 * 60

_Choice = TypeVar("_Choice", Class, Durability)


def invalid(attribute: str, message: str) -> InvalidEvent:
    return InvalidEvent(message, attribute)


def too_large(attribute: str, message: str) -> InvalidEvent:
    return InvalidEvent(message, attribute, "too_large")


def shape(value: object) -> str:
    """Describes a value by its type only: an error must not contain the payload."""
    return f"a value of type `{type(value).__name__}`"


def text(attribute: str, value: object) -> str:
    if not isinstance(value, str):
        raise invalid(attribute, f"expected a string, found {shape(value)}")
    # A subclass, such as an enumeration member, may have another `__str__`.
    return str.__str__(value)


def name(attribute: str, value: object) -> str:
    found = text(attribute, value)
    if not found:
        raise invalid(attribute, "is empty")
    try:
        length = channels.utf8_length(found)
    except ValueError as error:
        raise invalid(attribute, str(error)) from None
    if length > MAX_NAME_BYTES:
        raise too_large(attribute, f"longer than {MAX_NAME_BYTES} bytes")
    if any(map(channels.is_control, found)):
        raise invalid(attribute, "contains a control character")
    return found


def kind(value: object) -> str:
    if text("type", value).startswith("wirebell."):
        raise invalid("type", "types that begin with `wirebell.` are reserved")
    return name("type", value)


def targets(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence) or isinstance(value, (bytes, bytearray)):
        raise invalid("to", f"expected a channel or a list of channels, found {shape(value)}")
    if not value:
        raise invalid("to", "the list of channels is empty")
    found = [target(one) for one in value]
    if len(found) > MAX_CHANNELS:
        raise too_large("to", f"{len(found)} channels; at most {MAX_CHANNELS}")
    # A channel that is named twice still gets one delivery.
    return tuple(dict.fromkeys(found))


def target(value: object) -> str:
    try:
        return channels.check(text("to", value))
    except channels.InvalidChannel as error:
        raise invalid("to", str(error)) from None


def data(value: object, most: int) -> str:
    try:
        found = raw_json.check(value.text) if isinstance(value, RawJson) else raw_json.write(value)
        length = len(found.encode())
    except UnicodeEncodeError:
        raise invalid("data", "a lone surrogate is not a character") from None
    except ValueError as error:
        raise invalid("data", f"cannot be written as JSON: {error}") from None
    if length > min(most, MAX_DATA_BYTES):
        raise too_large("data", f"{length} bytes; at most {min(most, MAX_DATA_BYTES)}")
    return found


def copies(to: Sequence[str], data: str) -> None:
    """Bounds the copies of the data: every channel has its own log."""
    copied = len(to) * len(data.encode())
    if copied > MAX_COPIED_BYTES:
        raise too_large("to", f"{copied} bytes of data over all channels; at most {MAX_COPIED_BYTES}")


def time(attribute: str, value: object) -> str:
    try:
        if isinstance(value, datetime):
            return timestamps.write(value)
        found = text(attribute, value)
        timestamps.parse(found)
    except InvalidEvent:
        raise
    except (ValueError, OverflowError) as error:
        words = str(error)
        expected = words if words.startswith("expected") else "expected RFC 3339, like `2026-11-21T10:00:00.123Z`"
        raise invalid(attribute, expected) from None
    return found


def seconds(attribute: str, value: object, longest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(attribute, f"expected whole seconds, found {shape(value)}")
    if not 1 <= value <= longest:
        raise invalid(attribute, f"expected 1 to {longest} seconds")
    return int(value)


def boolean(attribute: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid(attribute, f"expected `true` or `false`, found {shape(value)}")
    return value


def choice(attribute: str, kind: type[_Choice], value: object) -> _Choice:
    try:
        return kind(text(attribute, value))
    except ValueError as error:
        if isinstance(error, InvalidEvent):
            raise
        words = [f"`{one.value}`" for one in kind]
        raise invalid(attribute, f"expected {', '.join(words[:-1])} or {words[-1]}") from None


def traceparent(value: object) -> str:
    found = text("traceparent", value)
    if not is_traceparent(found):
        raise invalid("traceparent", "expected W3C trace context, `00-<32 hex>-<16 hex>-<2 hex>`")
    return found
