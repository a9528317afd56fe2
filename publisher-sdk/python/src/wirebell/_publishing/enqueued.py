"""The named ends of `enqueue`, `flush` and `close`, and the counters behind them."""

from __future__ import annotations

from dataclasses import dataclass

from .._protocol.event import Event
from .._protocol.text_enum import TextEnum
from ..errors import PublishError


class EnqueueStatus(TextEnum):
    """What `enqueue` did with an event."""

    ACCEPTED = "accepted"
    """It waits in the buffer, and is published as soon as the bus takes it."""
    FULL = "full"
    """The buffer is full: the bus has been out of reach for too long, or is too slow."""
    CLOSED = "closed"
    """The publisher was closed."""
    INVALID = "invalid"
    """It is not an event; `error` says why."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What `enqueue` did with an event. It is true where the event was taken."""

    status: EnqueueStatus
    id: str | None = None
    """The event's id."""
    event: Event | None = None
    """The event, with its id and its time: to be kept elsewhere if it was not taken."""
    error: PublishError | None = None

    def __bool__(self) -> bool:
        return self.status is EnqueueStatus.ACCEPTED


@dataclass(frozen=True, slots=True)
class Flushed:
    """How waiting for the buffer ended. It is true where every event that was enqueued before has its answer."""

    done: bool
    waiting: int
    """Events that wait. After `flush` they go on being tried; after `close` they are lost."""

    def __bool__(self) -> bool:
        return self.done


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of the events given to `enqueue`. `enqueued` is the sum of `published`, `refused` and `waiting`."""

    enqueued: int = 0
    """Taken into the buffer."""
    published: int = 0
    """The bus has them."""
    refused: int = 0
    """The bus refused them for good."""
    retried: int = 0
    """Times that an event had to be tried again."""
    dropped: int = 0
    """Not taken into the buffer: it was full or closed, or they were none."""
    waiting: int = 0
    """In the buffer now, or on their way."""
    waiting_bytes: int = 0
    """The bytes of those, as JSON."""
