"""Fallbacks for blocking programs: a service handles events that no device acknowledged by their deadline."""

from __future__ import annotations

from collections.abc import Callable

from ._io.blocking import finish
from ._tracking.fallback import Fallback
from ._tracking.fallbacks_base import FallbacksBase
from ._workers.blocking import BlockingWorker
from ._workers.job import InFlight
from ._workers.lease_queue import LeaseQueue

Handler = Callable[[Fallback], object]


class Claim:
    """A fallback event leased by this worker until `done` or `failed` is called."""

    def __init__(self, queue: LeaseQueue[Fallback, None], in_flight: InFlight[Fallback]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.fallback = in_flight.job
        """The event to handle."""

    def done(self) -> None:
        """Marks the event as handled. On an error Redis does not have the result, and the event is delivered again."""
        finish(self._queue.done(self._in_flight, None))

    def failed(self, reason: str) -> None:
        """Reports a failed attempt. The event is retried later; after the last attempt it becomes a dead letter."""
        finish(self._queue.failed(self._in_flight, reason))


class Fallbacks(FallbacksBase, BlockingWorker[Fallback, None]):
    """One worker of a consumer group on the fallback stream.

    An event is added to the stream exactly once. From there it is delivered at least once to one worker of
    the group: if a worker dies between sending a text message and `done`, another worker sends it again.
    A handler must therefore be idempotent; use the event's id.

    >>> with Fallbacks("redis://127.0.0.1:6379", "text-messages") as fallbacks:  # doctest: +SKIP
    ...     fallbacks.run(send_text_message)  # until `close` is called, from another thread or a signal's handler
    """

    def next(self, timeout: float | None = None) -> Claim | None:
        """Returns the next event, or `None` once the worker is closed or `timeout` seconds have passed."""
        in_flight = self._next(timeout)
        return None if in_flight is None else Claim(self._queue, in_flight)

    def run(self, handler: Handler) -> None:
        """Passes every event to the handler, several at a time, each in its own thread.

        Returns once the worker is closed and the last handler has returned. An exception in a handler
        is a failed attempt: the event is retried later, and finally becomes a dead letter.
        """

        def attempt(fallback: Fallback) -> None:
            handler(fallback)

        self._run(attempt)
