"""What the services' door answers: outcomes, problem documents, and lists of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._io.seam import HttpAnswer
from .._protocol.cursor import Cursor
from .._protocol.outcome import Outcome, Reached
from .._protocol.receipt import Receipt
from .._publishing.failure import Failure, Verdict, of_door, of_event, unavailable
from .._publishing.transport import Cancellation
from ..errors import InvalidEvent, Refused
from . import receipts as written

_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
_REFUSED = frozenset((400, 413, 422))
"""What may be one event's fault."""


def published(answer: HttpAnswer, wanted: int) -> list[Outcome | Failure] | None:
    """What a request with so many events came to.

    None where the door refused the whole for something that may be one event's fault, or its length. A failure is
    raised where nothing that is sent now can come to more.
    """
    if not 200 <= answer.status < 300:
        if answer.status in _REFUSED and wanted > 1:
            return None
        failure = _failure(answer.status, _problem(answer), _come_back_after(answer))
        if failure.verdict is Verdict.EVENT or answer.status in _REFUSED:
            return [failure]
        raise failure
    items = _json(answer)
    if isinstance(items, dict) and wanted == 1:
        items = [items]
    if not isinstance(items, list) or len(items) != wanted:
        raise _not_ours(answer.status)
    return [_one(item, answer.status) for item in items]


def _one(item: object, whole: int) -> Outcome | Failure:
    if not isinstance(item, dict):
        return _not_ours(whole)
    status = item.get("status", whole)
    if status >= 300:
        return _failure(status, item, None)
    try:
        return Outcome(str(item["id"]), tuple(_reached(one) for one in item["channels"]))
    except (KeyError, TypeError, ValueError):
        return _not_ours(status)


def _reached(item: Mapping[str, Any]) -> Reached:
    cursor = item.get("cursor")
    at = None if cursor is None else Cursor.parse(cursor)
    return Reached(str(item["channel"]), at, int(item["nodes"]), bool(item.get("scheduled", False)))


def receipts(answer: HttpAnswer) -> list[Receipt]:
    """What became of an event: nothing where the door knows nothing of it."""
    if answer.status == 404 and _problem(answer).get("code") == "not_found":
        return []
    if answer.status != 200:
        raise _failure_of(answer)
    try:
        found: Any = _json(answer)
        return [written.receipt(one) for one in found["channels"]]
    except (KeyError, TypeError, ValueError):
        raise _not_ours(200) from None


def cancelled(answer: HttpAnswer) -> Cancellation:
    """What came of cancelling an event."""
    if answer.status == 200:
        return Cancellation.CANCELLED
    match answer.status, _problem(answer).get("code"):
        case 409, "already_published":
            return Cancellation.PUBLISHED
        case 404, "not_found":
            return Cancellation.UNKNOWN
    raise _failure_of(answer)


def _failure_of(answer: HttpAnswer) -> Failure:
    if answer.status < 300:
        return _not_ours(answer.status)
    return _failure(answer.status, _problem(answer), _come_back_after(answer))


def _failure(status: int, problem: Mapping[str, Any], come_back_after: float | None) -> Failure:
    """The status and the code decide together."""
    words = str(problem.get("detail") or problem.get("title") or f"answered {status} without saying why")
    code = problem.get("code")
    if status in _PASSING:
        return unavailable(words, come_back_after)
    if code in ("invalid_event", "too_large", "unsupported"):
        return of_event(InvalidEvent(words, str(problem.get("attribute") or "event"), code))
    refused = Refused(words, str(code or f"http_{status}"), status)
    return of_event(refused) if status in _REFUSED else of_door(refused)


def _not_ours(status: int) -> Failure:
    """Something answers there that is not a services' door."""
    words = f"expected the answer of a Wirebell node, found another with status {status}"
    return of_door(Refused(words, "not_wirebell", status))


def _problem(answer: HttpAnswer) -> Mapping[str, Any]:
    found = _json(answer)
    return found if isinstance(found, dict) else {}


def _json(answer: HttpAnswer) -> object:
    try:
        found: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found


def _come_back_after(answer: HttpAnswer) -> float | None:
    """`Retry-After` in seconds, as a node gives it; a date is as good as none."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
