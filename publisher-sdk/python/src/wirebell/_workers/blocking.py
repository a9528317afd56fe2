"""A worker of a program that blocks: threads read, and threads handle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from .._blocking_runtime import BlockingRuntime
from .._io.blocking import finish
from .base import Backlog, WorkerBase, work
from .job import InFlight, J, R

_Self = TypeVar("_Self", bound="BlockingWorker")  # type: ignore[type-arg]


class BlockingWorker(WorkerBase[J, R]):
    """How a worker of a program that blocks is used, save what it hands out."""

    def _make_runtime(self) -> BlockingRuntime:
        self._fetching: threading.Thread | None = None
        self._starting = threading.Lock()
        return BlockingRuntime()

    def open(self: _Self) -> _Self:
        """Begins to read. A Redis that cannot be reached is no error: it is tried again until it is there."""
        finish(self._open())
        self._start()
        return self

    def _start(self) -> None:
        with self._starting:
            if self._fetching is None and not self._queue.closed:
                name = f"wirebell-{self._queue.kind.messages.noun}-feed"
                self._fetching = threading.Thread(target=self._fill, name=name, daemon=True)
                self._fetching.start()

    def _fill(self) -> None:
        finish(self._fetcher.run())

    def _next(self, timeout: float | None) -> InFlight[J] | None:
        self._start()
        return finish(self._queue.next(timeout))

    def _run(self, attempt: Callable[[J], R]) -> None:
        """Has every job tried, several at a time, each in a thread of its own, until the worker is closed."""

        async def attempt_async(job: J) -> R:
            return attempt(job)

        def serve() -> None:
            finish(work(self._queue, attempt_async))

        self._start()
        threads = [
            threading.Thread(target=serve, name=f"wirebell-{self._queue.kind.messages.noun}-{number}", daemon=True)
            for number in range(self._queue.settings.at_once)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            # Whoever interrupts this interrupts all of them.
            self._queue.stop()

    def backlog(self) -> Backlog:
        """How much waits for the group."""
        return finish(self._backlog())

    def close(self, timeout: float = 10.0) -> int:
        """Takes nothing more, waits for what is in hand, but no longer than `timeout`, and gives back the rest.

        Other workers get that at once. Answers how many were still in hand at the end: they are tried again by others
        once this worker counts as gone.
        """
        left = finish(self._queue.close(timeout))
        self._fetcher.end()
        if self._fetching is not None:
            self._fetching.join(self._queue.settings.timeout)
        finish(self._bus.close())
        return left

    def __enter__(self: _Self) -> _Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
