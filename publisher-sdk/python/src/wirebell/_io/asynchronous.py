"""I/O interfaces for asyncio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypeVar

from .interfaces import OutOfTime

_Done = TypeVar("_Done")


class AsyncIo:
    """Time and waiting for tasks."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def within(self, seconds: float, work: Callable[[], Awaitable[_Done]]) -> _Done:
        if seconds <= 0:
            raise OutOfTime
        try:
            return await asyncio.wait_for(work(), seconds)
        except asyncio.TimeoutError:
            raise OutOfTime from None

    def lock(self) -> AbstractAsyncContextManager[object]:
        return asyncio.Lock()

    def signal(self) -> AsyncSignal:
        return AsyncSignal()


class AsyncSignal:
    """Notifies tasks of a change. Any thread may call `notify`."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        with self._lock:
            self.count += 1
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            # A closed event loop has no waiting task.
            with suppress(RuntimeError):
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    async def wait_since(self, count: int, timeout: float | None) -> None:
        waiter = asyncio.get_running_loop().create_future()
        with self._lock:
            if self.count != count:
                return
            self._waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter, timeout)
        except asyncio.TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiters.discard(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
