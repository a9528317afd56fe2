"""A worker for asyncio: one task fetches entries, several tasks handle them."""

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
    """The asyncio part of a worker, independent of its job type."""

    def _make_runtime(self) -> AsyncRuntime:
        self._fetching: asyncio.Task[None] | None = None
        return AsyncRuntime()

    async def open(self: _Self) -> _Self:
        """Starts fetching. It does not fail while Redis is unreachable; it retries."""
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
        """Passes every job to `attempt`, several at a time, until the worker is closed."""
        self._start()
        await asyncio.gather(*(work(self._queue, attempt) for _ in range(self._queue.settings.at_once)))

    async def backlog(self) -> Backlog:
        """Returns how many events wait in the group."""
        return await self._backlog()

    async def close(self, timeout: float = 10.0) -> int:
        """Takes no more events, waits up to `timeout` seconds for running handlers, and returns the rest to the group.

        Other workers get the returned events at once. Returns the number of events still in flight: other
        workers retry them once this worker counts as gone.
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
