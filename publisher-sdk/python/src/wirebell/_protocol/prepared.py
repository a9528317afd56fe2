"""An event made ready for one of its channels: its frame in two halves, around the cursor that the log gives."""

from __future__ import annotations

import json
from dataclasses import dataclass

from . import timestamps
from .classes import Class, Durability
from .event import Event


@dataclass(frozen=True, slots=True)
class Tracking:
    """What has to be kept of an event's fate."""

    tracked: bool
    """Its publisher wants to know what becomes of it, or it has a deadline."""
    deadline_millis: int | None
    deliver_at: int | None
    """When it is to be published, in milliseconds since the Unix epoch."""
    source: str


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """One event on its way to one channel."""

    channel: str
    class_: Class
    id: str
    ttl_millis: int | None
    key: str
    durability: Durability | None
    tracking: Tracking | None
    head: str
    tail: str

    @property
    def is_tracked(self) -> bool:
        return self.tracking is not None and self.tracking.tracked

    @property
    def size(self) -> int:
        """About how many bytes it takes, to bound a pipeline by."""
        return len(self.head) + len(self.tail)

    def frame(self, cursor: str | None) -> str:
        """What clients get, once the log has given the cursor."""
        return f"{self.head}{self.tail}" if cursor is None else f'{self.head},"cursor":"{cursor}"{self.tail}'


def prepare(event: Event) -> list[PreparedEvent]:
    """One for each channel of a stamped event."""
    if event.id is None or event.time is None:
        raise ValueError("an event without an id has no identity that a second try could share: stamp it")
    tail, tracking, event_id = _tail(event, event.time), _tracking(event), event.id
    start = f'{{"type":{_json(event.type)},"id":{_json(event_id)},"channel":'
    return [
        PreparedEvent(
            channel=channel,
            class_=event.class_,
            id=event_id,
            ttl_millis=None if event.ttl is None else event.ttl * 1000,
            key=event.key or event.type,
            durability=event.durability,
            tracking=tracking,
            head=start + _json(channel),
            tail=tail,
        )
        for channel in event.to
    ]


def _tail(event: Event, time: str) -> str:
    members = [f'"time":{_json(time)}']
    if event.source is not None:
        members.append(f'"source":{_json(event.source)}')
    if event.class_ is Class.RETAINED:
        members.append(f'"key":{_json(event.key or event.type)}')
    members.append(f'"data":{event.data.text}')
    # Only what has a cursor can be acknowledged.
    if event.is_tracked and event.class_ is Class.DURABLE:
        members.append('"ack":true')
    # Last, where a node finds it without reading the rest.
    if event.traceparent is not None:
        members.append(f'"traceparent":{_json(event.traceparent)}')
    return "".join(f",{member}" for member in members) + "}"


def _tracking(event: Event) -> Tracking | None:
    if not event.is_tracked and event.deliver_at is None:
        return None
    at = None if event.deliver_at is None else timestamps.unix_millis(timestamps.parse(event.deliver_at))
    deadline = None if event.deadline is None else event.deadline * 1000
    return Tracking(event.is_tracked, deadline, at, event.source or "")


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
