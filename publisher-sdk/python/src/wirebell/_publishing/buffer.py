"""The buffer of `enqueue`: a FIFO queue that is bounded in events and in bytes."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._io.interfaces import Io
from .._protocol.event import Event
from .._transport.interface import PendingEvent
from ..errors import PublishError
from .delivery import Answer
from .enqueued import Counters, Enqueued, EnqueueStatus, Flushed

log = logging.getLogger("wirebell")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the buffer."""

    events: int
    bytes: int


class Buffer:
    """The enqueued events, and the progress of the worker. Any thread may use it."""

    def __init__(self, limits: Limits, io: Io) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._queue: deque[PendingEvent] = deque()
        # The counters include the events that the worker has taken.
        self._counters = Counters()
        self._next_slot = 0
        # Whether the last event was rejected: an overflow is logged once, not for each event.
        self._was_full = False
        self._oldest = 0
        """The slot of the oldest event without a result."""
        self.closed = False
        self.given_up = False
        self.arrived = io.signal()
        self._progress = io.signal()
        self._io = io

    def push(self, event: Event) -> Enqueued:
        """Adds a stamped event if there is room."""
        size = len(event.to_json().encode())
        with self._lock:
            counters = self._counters
            if self.closed:
                status = EnqueueStatus.CLOSED
            elif counters.waiting < self._limits.events and counters.waiting_bytes + size <= self._limits.bytes:
                status = EnqueueStatus.ACCEPTED
                self._accept(event, size)
            else:
                status = EnqueueStatus.FULL
            if status is not EnqueueStatus.ACCEPTED:
                self._counters = replace(counters, dropped=counters.dropped + 1)
            should_log = status is EnqueueStatus.FULL and not self._was_full
            self._was_full = status is EnqueueStatus.FULL
        if status is EnqueueStatus.ACCEPTED:
            self.arrived.notify()
        elif should_log:
            log.warning(
                "the buffer is full; rejecting events: %d wait, the first rejected event is %s",
                counters.waiting,
                event.id,
            )
        return Enqueued(status, event.id, event)

    def reject_invalid(self, error: PublishError) -> Enqueued:
        """Counts a value that is not a valid event."""
        with self._lock:
            self._counters = replace(self._counters, dropped=self._counters.dropped + 1)
        return Enqueued(EnqueueStatus.INVALID, error=error)

    def _accept(self, event: Event, size: int) -> None:
        counters = self._counters
        self._queue.append(PendingEvent(self._next_slot, size, event))
        self._next_slot += 1
        self._counters = replace(
            counters,
            enqueued=counters.enqueued + 1,
            waiting=counters.waiting + 1,
            waiting_bytes=counters.waiting_bytes + size,
        )

    def fill(self, batch: list[PendingEvent], most: int) -> None:
        """Moves events into the worker's batch, until it has `most` events."""
        with self._lock:
            while self._queue and len(batch) < most:
                batch.append(self._queue.popleft())

    def record_results(self, final: Sequence[tuple[PendingEvent, Answer]], batch: Sequence[PendingEvent]) -> None:
        """Counts the final results. `batch` holds the events without one."""
        refused = sum(isinstance(answer, PublishError) for _, answer in final)
        with self._lock:
            counters = self._counters
            self._counters = replace(
                counters,
                published=counters.published + len(final) - refused,
                refused=counters.refused + refused,
                retried=counters.retried + len(batch),
                waiting=counters.waiting - len(final),
                waiting_bytes=counters.waiting_bytes - sum(event.size for event, _ in final),
            )
            first = batch[0] if batch else self._queue[0] if self._queue else None
            self._oldest = self._next_slot if first is None else first.slot
        self._progress.notify()

    def close(self) -> None:
        """Accepts no more events."""
        with self._lock:
            self.closed = True
        self.arrived.notify()

    def give_up(self) -> None:
        """Ends the buffer. Events that are left are lost."""
        self.close()
        self.given_up = True
        self.arrived.notify()
        self._progress.notify()

    async def flushed(self, within: float) -> Flushed:
        """Waits until every event accepted so far has a result."""
        with self._lock:
            target = self._next_slot
        end = self._io.now() + within
        while True:
            seen = self._progress.count
            with self._lock:
                is_done, waiting = self._oldest >= target, self._counters.waiting
            remaining = end - self._io.now()
            if is_done or self.given_up or remaining <= 0:
                return Flushed(is_done, waiting)
            await self._progress.wait_since(seen, remaining)

    @property
    def counters(self) -> Counters:
        with self._lock:
            return self._counters
