"""Reads responses of the server API: publish results, receipts and problem documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._io.failure import Failure, FailureKind, event_failure, publisher_failure, unavailable
from .._io.interfaces import HttpResponse
from .._protocol.cursor import Cursor
from .._protocol.publish_result import ChannelResult, PublishResult
from .._protocol.receipt import Receipt
from .._transport.interface import Cancellation
from ..errors import InvalidEvent, Refused
from . import receipts as receipt_json

_TEMPORARY = frozenset((408, 425, 429, 500, 502, 503, 504))
_EVENT_STATUSES = frozenset((400, 413, 422))
"""Statuses that one event of a request may have caused."""


def published(response: HttpResponse, wanted: int) -> list[PublishResult | Failure] | None:
    """Returns one result for each of the `wanted` events of a request.

    Returns `None` if the API rejected the request because of one event or its total size: a smaller request
    may succeed. Raises a failure that concerns every event sent now.
    """
    if not 200 <= response.status < 300:
        if response.status in _EVENT_STATUSES and wanted > 1:
            return None
        failure = _failure(response.status, _problem(response), _retry_after(response))
        if failure.kind is FailureKind.EVENT or response.status in _EVENT_STATUSES:
            return [failure]
        raise failure
    items = _json(response)
    if isinstance(items, dict) and wanted == 1:
        items = [items]
    if not isinstance(items, list) or len(items) != wanted:
        raise _unexpected_response(response.status)
    return [_event_result(item, response.status) for item in items]


def _event_result(item: object, response_status: int) -> PublishResult | Failure:
    if not isinstance(item, dict):
        return _unexpected_response(response_status)
    status = item.get("status", response_status)
    if status >= 300:
        return _failure(status, item, None)
    try:
        return PublishResult(str(item["id"]), tuple(_channel_result(one) for one in item["channels"]))
    except (KeyError, TypeError, ValueError):
        return _unexpected_response(status)


def _channel_result(item: Mapping[str, Any]) -> ChannelResult:
    cursor = item.get("cursor")
    at = None if cursor is None else Cursor.parse(cursor)
    return ChannelResult(str(item["channel"]), at, int(item["nodes"]), bool(item.get("scheduled", False)))


def receipts(response: HttpResponse) -> list[Receipt]:
    """Returns the receipts of an event, or an empty list if the API does not know the event."""
    if response.status == 404 and _problem(response).get("code") == "not_found":
        return []
    if response.status != 200:
        raise _failure_from(response)
    try:
        found: Any = _json(response)
        return [receipt_json.receipt(one) for one in found["channels"]]
    except (KeyError, TypeError, ValueError):
        raise _unexpected_response(200) from None


def cancelled(response: HttpResponse) -> Cancellation:
    """Reads the response to a cancellation."""
    if response.status == 200:
        return Cancellation.CANCELLED
    match response.status, _problem(response).get("code"):
        case 409, "already_published":
            return Cancellation.PUBLISHED
        case 404, "not_found":
            return Cancellation.UNKNOWN
    raise _failure_from(response)


def _failure_from(response: HttpResponse) -> Failure:
    if response.status < 300:
        return _unexpected_response(response.status)
    return _failure(response.status, _problem(response), _retry_after(response))


def _failure(status: int, problem: Mapping[str, Any], retry_after: float | None) -> Failure:
    """Classifies a problem by its status and its code."""
    message = str(problem.get("detail") or problem.get("title") or f"HTTP status {status} without a reason")
    code = problem.get("code")
    if status in _TEMPORARY:
        return unavailable(message, retry_after)
    if code in ("invalid_event", "too_large", "unsupported"):
        return event_failure(InvalidEvent(message, str(problem.get("attribute") or "event"), code))
    rejected = Refused(message, str(code or f"http_{status}"), status)
    return event_failure(rejected) if status in _EVENT_STATUSES else publisher_failure(rejected)


def _unexpected_response(status: int) -> Failure:
    """The failure for a response that is not from the server API."""
    message = f"the response with status {status} is not from a Wirebell node; check the URL"
    return publisher_failure(Refused(message, "not_wirebell", status))


def _problem(response: HttpResponse) -> Mapping[str, Any]:
    found = _json(response)
    return found if isinstance(found, dict) else {}


def _json(response: HttpResponse) -> object:
    try:
        found: object = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return found


def _retry_after(response: HttpResponse) -> float | None:
    """Returns `Retry-After` in seconds, as a node writes it. A date is ignored."""
    text = response.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
