"""I/O interfaces for blocking programs."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, TypeVar

from .interfaces import OutOfTime

_Done = TypeVar("_Done")


def finish(work: Coroutine[Any, Any, _Done]) -> _Done:
    """Runs a coroutine to its end. Everything that it awaits blocks, so it is never suspended."""
    try:
        work.send(None)
    except StopIteration as end:
        done: _Done = end.value
        return done
    work.close()
    raise RuntimeError("a blocking publisher awaited an event loop")


class BlockingIo:
    """Time and waiting for threads."""

    def __init__(self) -> None:
        self._ends = threading.local()

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)

    async def within(self, seconds: float, work: Callable[[], Awaitable[_Done]]) -> _Done:
        """Runs the work. A waiting thread cannot be stopped, so every wait inside is bounded by `remaining`."""
        before = getattr(self._ends, "end", float("inf"))
        self._ends.end = min(before, self.now() + seconds)
        try:
            return await work()
        finally:
            self._ends.end = before

    def remaining(self) -> float:
        """Returns the seconds for which this thread may still wait."""
        remaining = float(getattr(self._ends, "end", float("inf"))) - self.now()
        if remaining <= 0:
            raise OutOfTime
        return remaining

    def lock(self) -> AbstractAsyncContextManager[object]:
        return _Lock()

    def signal(self) -> BlockingSignal:
        return BlockingSignal()


class _Lock(AbstractAsyncContextManager[object]):
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> object:
        return self._lock.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class BlockingSignal:
    """Notifies threads of a change."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def notify(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    async def wait_since(self, count: int, timeout: float | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.count != count, timeout)
