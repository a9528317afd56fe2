"""Fallbacks under asyncio: a service takes over what no device has acknowledged by its deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ._tracking.fallback import Fallback
from ._tracking.fallbacks_base import FallbacksBase
from ._workers.asynchronous import AsyncWorker
from ._workers.job import InFlight
from ._workers.lease_queue import LeaseQueue

AsyncHandler = Callable[[Fallback], Awaitable[object]]


class AsyncClaim:
    """A fallback in this worker's hand, until it says how taking it over ended."""

    def __init__(self, queue: LeaseQueue[Fallback, None], in_flight: InFlight[Fallback]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.fallback = in_flight.job
        """What is to be taken over."""

    async def done(self) -> None:
        """It is taken over. An error means that Redis could not be told: it will be handed out once more."""
        await self._queue.done(self._in_flight, None)

    async def failed(self, reason: str) -> None:
        """It could not be taken over: it is tried again later, or becomes a dead letter if that was the last try."""
        await self._queue.failed(self._in_flight, reason)


class AsyncFallbacks(FallbacksBase, AsyncWorker[Fallback, None]):
    """One worker of a consumer group on the fallback stream. See :class:`Fallbacks`.

    >>> async with AsyncFallbacks("redis://127.0.0.1:6379", "text-messages") as fallbacks:  # doctest: +SKIP
    ...     await fallbacks.run(send_text_message)  # until `close` is called, or the task is cancelled
    """

    async def next(self, timeout: float | None = None) -> AsyncClaim | None:
        """The next event to be taken over; none once the worker is closed, or after so many seconds."""
        in_flight = await self._next(timeout)
        return None if in_flight is None else AsyncClaim(self._queue, in_flight)

    async def run(self, handler: AsyncHandler) -> None:
        """Hands every event to the handler, several at a time.

        It returns when the worker is closed and the last handler has come to its end. What a handler raises is a try
        that failed: it is tried again later, and ends as a dead letter.
        """

        async def attempt(fallback: Fallback) -> None:
            await handler(fallback)

        await self._run(attempt)
