"""A worker under asyncio: one task reads, and several handle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from .._async_runtime import AsyncRuntime
from .base import Backlog, WorkerBase, work
from .job import InFlight, J, R

_Self = TypeVar("_Self", bound="AsyncWorker")  # type: ignore[type-arg]


class AsyncWorker(WorkerBase[J, R]):
    """How a worker under asyncio is used, save what it hands out."""

    def _make_runtime(self) -> AsyncRuntime:
        self._fetching: asyncio.Task[None] | None = None
        return AsyncRuntime()

    async def open(self: _Self) -> _Self:
        """Begins to read. A Redis that cannot be reached is no error: it is tried again until it is there."""
        await self._open()
        self._start()
        return self

    def _start(self) -> None:
        if self._fetching is None and not self._queue.closed:
            self._fetching = asyncio.get_running_loop().create_task(self._fetcher.run())

    async def _next(self, timeout: float | None) -> InFlight[J] | None:
        self._start()
        return await self._queue.next(timeout)

    async def _run(self, attempt: Callable[[J], Awaitable[R]]) -> None:
        """Has every job tried, several at a time, until the worker is closed."""
        self._start()
        await asyncio.gather(*(work(self._queue, attempt) for _ in range(self._queue.settings.at_once)))

    async def backlog(self) -> Backlog:
        """How much waits for the group."""
        return await self._backlog()

    async def close(self, timeout: float = 10.0) -> int:
        """Takes nothing more, waits for what is in hand, but no longer than `timeout`, and gives back the rest.

        Other workers get that at once. Answers how many were still in hand at the end: they are tried again by others
        once this worker counts as gone.
        """
        left = await self._queue.close(timeout)
        self._fetcher.end()
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        await self._bus.close()
        return left

    async def __aenter__(self: _Self) -> _Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
