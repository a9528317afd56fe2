"""Fallbacks for asyncio programs: a service handles events that no device acknowledged by their deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ._tracking.fallback import Fallback
from ._tracking.fallbacks_base import FallbacksBase
from ._workers.asynchronous import AsyncWorker
from ._workers.job import InFlight
from ._workers.lease_queue import LeaseQueue

AsyncHandler = Callable[[Fallback], Awaitable[object]]


class AsyncClaim:
    """A fallback event leased by this worker until `done` or `failed` is called."""

    def __init__(self, queue: LeaseQueue[Fallback, None], in_flight: InFlight[Fallback]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.fallback = in_flight.job
        """The event to handle."""

    async def done(self) -> None:
        """Marks the event as handled. On an error Redis does not have the result, and the event is delivered again."""
        await self._queue.done(self._in_flight, None)

    async def failed(self, reason: str) -> None:
        """Reports a failed attempt. The event is retried later; after the last attempt it becomes a dead letter."""
        await self._queue.failed(self._in_flight, reason)


class AsyncFallbacks(FallbacksBase, AsyncWorker[Fallback, None]):
    """One worker of a consumer group on the fallback stream. See :class:`Fallbacks`.

    >>> async with AsyncFallbacks("redis://127.0.0.1:6379", "text-messages") as fallbacks:  # doctest: +SKIP
    ...     await fallbacks.run(send_text_message)  # until `close` is called, or the task is cancelled
    """

    async def next(self, timeout: float | None = None) -> AsyncClaim | None:
        """Returns the next event, or `None` once the worker is closed or `timeout` seconds have passed."""
        in_flight = await self._next(timeout)
        return None if in_flight is None else AsyncClaim(self._queue, in_flight)

    async def run(self, handler: AsyncHandler) -> None:
        """Passes every event to the handler, several at a time.

        Returns once the worker is closed and the last handler has returned. An exception in a handler
        is a failed attempt: the event is retried later, and finally becomes a dead letter.
        """

        async def attempt(fallback: Fallback) -> None:
            await handler(fallback)

        await self._run(attempt)
