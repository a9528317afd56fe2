"""Fallbacks for programs that block: a service takes over what no device has acknowledged by its deadline."""

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
    """A fallback in this worker's hand, until it says how taking it over ended."""

    def __init__(self, queue: LeaseQueue[Fallback, None], in_flight: InFlight[Fallback]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.fallback = in_flight.job
        """What is to be taken over."""

    def done(self) -> None:
        """It is taken over. An error means that Redis could not be told: it will be handed out once more."""
        finish(self._queue.done(self._in_flight, None))

    def failed(self, reason: str) -> None:
        """It could not be taken over: it is tried again later, or becomes a dead letter if that was the last try."""
        finish(self._queue.failed(self._in_flight, reason))


class Fallbacks(FallbacksBase, BlockingWorker[Fallback, None]):
    """One worker of a consumer group on the fallback stream.

    An event gets into the stream exactly once. From there it is handed to one of the group's workers, at least once:
    where a worker dies after it has sent the text message and before it has said so, another sends it again. So what
    a handler does should be harmless twice; the event's id tells.

    >>> with Fallbacks("redis://127.0.0.1:6379", "text-messages") as fallbacks:  # doctest: +SKIP
    ...     fallbacks.run(send_text_message)  # until `close` is called, from another thread or a signal's handler
    """

    def next(self, timeout: float | None = None) -> Claim | None:
        """The next event to be taken over; none once the worker is closed, or after so many seconds."""
        in_flight = self._next(timeout)
        return None if in_flight is None else Claim(self._queue, in_flight)

    def run(self, handler: Handler) -> None:
        """Hands every event to the handler, several at a time, each in a thread of its own.

        It returns when the worker is closed and the last handler has come to its end. What a handler raises is a try
        that failed: it is tried again later, and ends as a dead letter.
        """

        def attempt(fallback: Fallback) -> None:
            handler(fallback)

        self._run(attempt)
