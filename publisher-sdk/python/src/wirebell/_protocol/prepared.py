"""Prepares an event for one channel: its frame in two halves, around the cursor that the log assigns."""

from __future__ import annotations

import json
from dataclasses import dataclass

from . import timestamps
from .classes import Class, Durability
from .event import Event


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is tracked or scheduled for an event."""

    tracked: bool
    """Whether there is a receipt or a deadline."""
    deadline_millis: int | None
    deliver_at: int | None
    """When to publish it, in milliseconds since the Unix epoch."""
    source: str


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """One event for one channel."""

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
        """The approximate size in bytes, to bound a pipeline."""
        return len(self.head) + len(self.tail)

    def frame(self, cursor: str | None) -> str:
        """Returns the frame for clients, once the log has assigned the cursor."""
        return f"{self.head}{self.tail}" if cursor is None else f'{self.head},"cursor":"{cursor}"{self.tail}'


def prepare(event: Event) -> list[PreparedEvent]:
    """Prepares a stamped event for each of its channels."""
    if event.id is None or event.time is None:
        raise ValueError("an event needs an id before its first attempt, so that a retry is the same event: stamp it")
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
    # Only an event with a cursor can be acknowledged.
    if event.is_tracked and event.class_ is Class.DURABLE:
        members.append('"ack":true')
    # It is the last member, where a node finds it without parsing the rest.
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
