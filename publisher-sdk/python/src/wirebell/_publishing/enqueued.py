"""Results of `enqueue`, `flush` and `close`, and the counters."""

from __future__ import annotations

from dataclasses import dataclass

from .._protocol.event import Event
from .._protocol.text_enum import TextEnum
from ..errors import PublishError


class EnqueueStatus(TextEnum):
    """What `enqueue` did with an event."""

    ACCEPTED = "accepted"
    """The event is in the buffer, and is published as soon as possible."""
    FULL = "full"
    """The buffer is full: the bus was unreachable for too long, or is too slow."""
    CLOSED = "closed"
    """The publisher is closed."""
    INVALID = "invalid"
    """The value is not a valid event; see `error`."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The result of `enqueue`. It is true if the buffer has the event."""

    status: EnqueueStatus
    id: str | None = None
    """The event's id."""
    event: Event | None = None
    """The event, with its id and its time, so that the caller can keep it if it was not accepted."""
    error: PublishError | None = None

    def __bool__(self) -> bool:
        return self.status is EnqueueStatus.ACCEPTED


@dataclass(frozen=True, slots=True)
class Flushed:
    """The result of `flush` or `close`. It is true if every event enqueued before has a result."""

    done: bool
    waiting: int
    """Events without a result. After `flush` they are still retried; after `close` they are lost."""

    def __bool__(self) -> bool:
        return self.done


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of the enqueued events. `enqueued` is the sum of `published`, `refused` and `waiting`."""

    enqueued: int = 0
    """Events accepted by the buffer."""
    published: int = 0
    """Events that the bus has."""
    refused: int = 0
    """Events that the bus rejected. They are not retried."""
    retried: int = 0
    """Retries of events."""
    dropped: int = 0
    """Events that the buffer did not accept: it was full or closed, or they were invalid."""
    waiting: int = 0
    """Events in the buffer or in flight."""
    waiting_bytes: int = 0
    """The bytes of these events, as JSON."""
