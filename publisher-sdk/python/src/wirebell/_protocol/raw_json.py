"""JSON that keeps its bytes: clients receive `data` exactly as the publisher wrote it, including spaces."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class RawJson:
    """JSON text that is used as an event's `data` unchanged."""

    text: str


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _passed(_: str) -> object:
    return None


# Only finds where a value ends. It skips converting numbers, because long ones take long.
_SCANNER = json.JSONDecoder(parse_constant=_refused, parse_int=_passed, parse_float=_passed)
_READER = json.JSONDecoder(parse_constant=_refused)


def write(value: object) -> str:
    """Returns the value as JSON, or raises with the reason."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is not a character") from None
    except (TypeError, ValueError) as error:
        raise ValueError(_in_words(error)) from None
    return text


def _in_words(error: Exception) -> str:
    """Returns the reason without any part of the payload."""
    text = str(error)
    if "Circular" in text:
        return "it contains itself"
    if "range float" in text:
        return "it contains `nan` or an infinity, which JSON cannot represent"
    return text


def check(text: str) -> str:
    """Returns the text of one JSON value without the surrounding space."""
    start = _skip(text, 0)
    end = _end(text, start)
    if _skip(text, end) != len(text):
        raise ValueError("unexpected text after the value")
    return text[start:end]


def read(text: str) -> object:
    """Parses the text of one value."""
    return _READER.decode(text)


def members(text: str) -> dict[str, str]:
    """Returns the members of a JSON object, each with the text of its value."""
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
            raise ValueError(f"duplicate member `{name}`")
        found[name] = text[start:end]
        at = _skip(text, end)
        is_first = False
    if _skip(text, at + 1) != len(text):
        raise ValueError("unexpected text after the object")
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
