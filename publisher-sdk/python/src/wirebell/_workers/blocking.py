"""A worker for blocking programs: one thread fetches entries, several threads handle them."""

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
    """The blocking part of a worker, independent of its job type."""

    def _make_runtime(self) -> BlockingRuntime:
        self._fetching: threading.Thread | None = None
        self._starting = threading.Lock()
        return BlockingRuntime()

    def open(self: _Self) -> _Self:
        """Starts fetching. It does not fail while Redis is unreachable; it retries."""
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
        """Passes every job to `attempt`, several at a time, each in its own thread, until the worker is closed."""

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
            # An interrupt of this thread stops all of them.
            self._queue.stop()

    def backlog(self) -> Backlog:
        """Returns how many events wait in the group."""
        return finish(self._backlog())

    def close(self, timeout: float = 10.0) -> int:
        """Takes no more events, waits up to `timeout` seconds for running handlers, and returns the rest to the group.

        Other workers get the returned events at once. Returns the number of events still in flight: other
        workers retry them once this worker counts as gone.
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
