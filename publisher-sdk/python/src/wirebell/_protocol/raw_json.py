"""JSON that keeps its bytes: `data` reaches the client as its publisher wrote it, down to the spaces."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class RawJson:
    """JSON text, to be used as an event's `data` as it is instead of being written anew."""

    text: str


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _passed(_: str) -> object:
    return None


# To find where a value ends. What numbers come to matters to nobody here, and long ones take long to read.
_SCANNER = json.JSONDecoder(parse_constant=_refused, parse_int=_passed, parse_float=_passed)
_READER = json.JSONDecoder(parse_constant=_refused)


def write(value: object) -> str:
    """The value as JSON, or why it cannot be written."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair is not a character") from None
    except (TypeError, ValueError) as error:
        raise ValueError(_in_words(error)) from None
    return text


def _in_words(error: Exception) -> str:
    """What went wrong, in words that hold nothing of the payload."""
    text = str(error)
    if "Circular" in text:
        return "it holds itself"
    if "range float" in text:
        return "it holds `nan` or an infinity, which JSON has no word for"
    return text


def check(text: str) -> str:
    """The text without the space around it, if it is one JSON value."""
    start = _skip(text, 0)
    end = _end(text, start)
    if _skip(text, end) != len(text):
        raise ValueError("something stands behind the value")
    return text[start:end]


def read(text: str) -> object:
    """What the text of one value says."""
    return _READER.decode(text)


def members(text: str) -> dict[str, str]:
    """The members of one JSON object, each with its value as it stands there."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("expected an object")
    found: dict[str, str] = {}
    at = _skip(text, at + 1)
    is_first = True
    while text[at : at + 1] != "}":
        if not is_first:
            at = _skip(text, _behind(text, at, ","))
        name, start, end = _member(text, at)
        if name in found:
            raise ValueError(f"`{name}` stands there twice")
        found[name] = text[start:end]
        at = _skip(text, end)
        is_first = False
    if _skip(text, at + 1) != len(text):
        raise ValueError("something stands behind the object")
    return found


def _member(text: str, at: int) -> tuple[str, int, int]:
    if text[at : at + 1] != '"':
        raise ValueError(f"expected a name at character {at}")
    end = _end(text, at)
    name = read(text[at:end])
    start = _skip(text, _behind(text, _skip(text, end), ":"))
    return str(name), start, _end(text, start)


def _behind(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise ValueError(f"expected `{sign}` at character {at}")
    return at + 1


def _end(text: str, start: int) -> int:
    try:
        return _SCANNER.raw_decode(text, start)[1]
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
