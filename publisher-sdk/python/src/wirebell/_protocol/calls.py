"""Calls of the Lua scripts: their keys, arguments and replies."""

from __future__ import annotations

from dataclasses import dataclass

from .classes import Class
from .cursor import Cursor
from .keys import Keys, shard_of
from .prepared import PreparedEvent
from .retention import Retention, millis
from .scripts import Script

_LETTERS = {Class.DURABLE: "d", Class.RETAINED: "r", Class.VOLATILE: "v"}


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A script call: its keys, all in one slot, and its arguments."""

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishReply:
    """The reply of the publish script for one channel."""

    cursor: Cursor | None
    nodes: int
    again: bool
    """Whether the id was seen before. Then nothing was done, and this is the first reply again."""
    scheduled: bool
    """Whether the event is stored until its `deliver_at`."""


def publish(keys: Keys, event: PreparedEvent, retention: Retention) -> ScriptCall:
    """Publishes the event, or schedules it. A tracked event needs a call of `register` first."""
    at = event.tracking.deliver_at if event.tracking is not None else None
    arguments = _arguments(event, retention)
    if at is None:
        return ScriptCall(Script.PUBLISH, _keys(keys, event), arguments)
    return ScriptCall(Script.SCHEDULE, _keys(keys, event), (*arguments, str(at)))


def event_keys(keys: Keys, channel: str, event_id: str) -> tuple[str, ...]:
    """The keys of a retained or tracked event."""
    return (
        keys.log(channel),
        keys.seen(channel, event_id),
        keys.announce(channel),
        keys.end(channel),
        keys.retained(channel),
        keys.record(channel, event_id),
        keys.tracked(channel),
    )


def _keys(keys: Keys, event: PreparedEvent) -> tuple[str, ...]:
    all_of_them = event_keys(keys, event.channel, event.id)
    # Most events are neither retained nor tracked, and need only the first four keys.
    return all_of_them if event.class_ is Class.RETAINED or event.tracking is not None else all_of_them[:4]


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _arguments(event: PreparedEvent, retention: Retention) -> tuple[str, ...]:
    common = (
        _LETTERS[event.class_],
        event.channel,
        event.head,
        event.tail,
        _number(event.ttl_millis),
        str(retention.log_events),
        str(millis(retention.log_age)),
        str(millis(retention.seen)),
    )
    tracking = event.tracking
    if event.class_ is not Class.RETAINED and tracking is None:
        return common
    deadline = tracking.deadline_millis if tracking is not None else None
    closes, kept = _record_times(event, retention, deadline or 0)
    return (
        *common,
        event.id if tracking is not None else "",
        "w" if event.is_tracked else "",
        _number(deadline),
        str(closes),
        str(kept),
        tracking.source if tracking is not None else "",
        event.key,
        str(retention.retained_keys),
        str(millis(retention.retained_age)),
    )


def _record_times(event: PreparedEvent, retention: Retention, due: int) -> tuple[int, int]:
    """Returns after how many milliseconds the receipt closes, and how long the delivery record is kept."""
    receipts = millis(retention.receipts)
    closes = receipts if event.ttl_millis is None else event.ttl_millis
    # A receipt without an acknowledgement is kept for the same time again, so that it can be read.
    return closes, max(closes, due) + receipts


def read_publish_reply(text: str) -> PublishReply:
    """Parses the reply of the publish script."""
    word, _, rest = text.partition(" ")
    cursor, _, rest = rest.partition(" ")
    nodes = rest.partition(" ")[0]
    if word not in ("new", "again", "scheduled") or not (nodes.isascii() and nodes.isdigit()):
        expected = "expected `new|again|scheduled <cursor> <nodes>` from the publish script"
        raise ValueError(f"{expected}, found {text[:80]!r}")
    at = None if cursor == "-" else Cursor.parse(cursor)
    return PublishReply(at, int(nodes), again=word == "again", scheduled=word == "scheduled")


def register(keys: Keys, event: PreparedEvent, retention: Retention) -> ScriptCall | None:
    """Sets the timer of a tracked event. Returns `None` for an untracked one."""
    if event.tracking is None:
        return None
    shard = shard_of(event.id)
    closes = millis(retention.receipts) if event.ttl_millis is None else event.ttl_millis
    deadline = event.tracking.deadline_millis
    delay = closes if deadline is None else deadline
    _, kept = _record_times(event, retention, delay)
    return ScriptCall(
        Script.REGISTER,
        (keys.timers(shard), keys.channels(event.id), keys.fallen(shard)),
        (
            timer(event.channel, event.id),
            event.channel,
            str(delay),
            _number(event.tracking.deliver_at),
            str(kept),
        ),
    )


def timer(channel: str, event_id: str) -> str:
    """The name of an event's timer on a channel. Channels contain no spaces; ids may."""
    return f"{channel} {event_id}"


def cancel(keys: Keys, channel: str, event_id: str) -> ScriptCall:
    """Cancels a scheduled event on one channel."""
    return ScriptCall(Script.CANCEL, (keys.record(channel, event_id),))


def alarm(keys: Keys, channel: str, event_id: str) -> ScriptCall:
    """Reads from the delivery record what is due."""
    return ScriptCall(Script.ALARM, event_keys(keys, channel, event_id))


def finish(keys: Keys, channel: str, event_id: str, answer: str) -> ScriptCall:
    """Finishes a timer as the alarm script replied. The reply is 1 if an entry was added to a stream."""
    line, _, frame = answer.partition("\n")
    verb, *words = line.split(" ")
    what, at = "", "0"
    if (verb, len(words)) in (("later", 1), ("fallback", 1)):
        (at,) = words
    elif (verb, len(words)) == ("outcome", 2):
        what, at = words
    elif (verb, len(words)) not in (("absent", 0), ("done", 0)):
        raise ValueError("unexpected reply from the alarm script")
    if not (at.isascii() and at.isdigit()):
        raise ValueError("unexpected reply from the alarm script")
    shard = shard_of(event_id)
    return ScriptCall(
        Script.FINISH,
        (keys.timers(shard), keys.fallback(shard), keys.receipts(shard), keys.fallen(shard)),
        (verb, timer(channel, event_id), at, what, event_id, channel, frame),
    )
