"""Fallbacks under asyncio: a service takes over what no device has acknowledged by its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from ._asynchronous import AsyncWays
from ._redis.streams import Entry
from ._tracking.desk import Desk, Fallback
from ._tracking.worker import Backlog, FallbacksBase, work

AsyncHandler = Callable[[Fallback], Awaitable[object]]


class AsyncClaim:
    """A fallback in this worker's hand, until it says how taking it over ended."""

    def __init__(self, desk: Desk, entry: Entry, fallback: Fallback) -> None:
        self._desk = desk
        self._entry = entry
        self.fallback = fallback
        """What is to be taken over."""

    async def done(self) -> None:
        """It is taken over. An error means that Redis could not be told: it will be handed out once more."""
        await self._desk.done(self._entry)

    async def failed(self, reason: str) -> None:
        """It could not be taken over: it is tried again later, or becomes a dead letter if that was the last try."""
        await self._desk.failed(self._entry, reason)


class AsyncFallbacks(FallbacksBase):
    """One worker of a consumer group on the fallback stream. See :class:`Fallbacks`.

    >>> async with AsyncFallbacks("redis://127.0.0.1:6379", "text-messages") as fallbacks:  # doctest: +SKIP
    ...     await fallbacks.run(send_text_message)  # until `close` is called, or the task is cancelled
    """

    def _make_ways(self) -> AsyncWays:
        self._feeding: asyncio.Task[None] | None = None
        return AsyncWays()

    async def open(self) -> AsyncFallbacks:
        """Begins to read. A Redis that cannot be reached is no error: it is tried again until it is there."""
        await self._open()
        self._start()
        return self

    def _start(self) -> None:
        if self._feeding is None and not self._desk.closed:
            self._feeding = asyncio.get_running_loop().create_task(self._feed.run())

    async def next(self, timeout: float | None = None) -> AsyncClaim | None:
        """The next event to be taken over; none once the worker is closed, or after so many seconds."""
        self._start()
        taken = await self._desk.next(timeout)
        return None if taken is None else AsyncClaim(self._desk, *taken)

    async def run(self, handler: AsyncHandler) -> None:
        """Hands every event to the handler, several at a time.

        It returns when the worker is closed and the last handler has come to its end. What a handler raises is a try
        that failed: it is tried again later, and ends as a dead letter.
        """
        self._start()
        await asyncio.gather(*(work(self._desk, handler) for _ in range(self._desk.settings.at_once)))

    async def backlog(self) -> Backlog:
        """How much waits for the group."""
        return await self._backlog()

    async def close(self, timeout: float = 10.0) -> int:
        """Takes nothing more, waits for what is in hand, and gives back the rest. See :meth:`Fallbacks.close`."""
        left = await self._desk.close(timeout)
        self._feed.end()
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait([self._feeding])
        await self._bus.close()
        return left

    async def __aenter__(self) -> AsyncFallbacks:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
