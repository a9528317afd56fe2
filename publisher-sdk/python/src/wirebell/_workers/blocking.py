"""A worker of a program that blocks: threads read, and threads handle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from .._blocking import BlockingWays
from .._io.blocking import finish
from .base import Backlog, WorkerBase, work
from .job import Held, J, R

_Self = TypeVar("_Self", bound="BlockingWorker")  # type: ignore[type-arg]


class BlockingWorker(WorkerBase[J, R]):
    """How a worker of a program that blocks is used, save what it hands out."""

    def _make_ways(self) -> BlockingWays:
        self._feeding: threading.Thread | None = None
        self._starting = threading.Lock()
        return BlockingWays()

    def open(self: _Self) -> _Self:
        """Begins to read. A Redis that cannot be reached is no error: it is tried again until it is there."""
        finish(self._open())
        self._start()
        return self

    def _start(self) -> None:
        with self._starting:
            if self._feeding is None and not self._desk.closed:
                name = f"wirebell-{self._desk.kind.words.noun}-feed"
                self._feeding = threading.Thread(target=self._fill, name=name, daemon=True)
                self._feeding.start()

    def _fill(self) -> None:
        finish(self._feed.run())

    def _next(self, timeout: float | None) -> Held[J] | None:
        self._start()
        return finish(self._desk.next(timeout))

    def _run(self, attempt: Callable[[J], R]) -> None:
        """Has every job tried, several at a time, each in a thread of its own, until the worker is closed."""

        async def try_(job: J) -> R:
            return attempt(job)

        def serve() -> None:
            finish(work(self._desk, try_))

        self._start()
        threads = [
            threading.Thread(target=serve, name=f"wirebell-{self._desk.kind.words.noun}-{number}", daemon=True)
            for number in range(self._desk.settings.at_once)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            # Whoever interrupts this interrupts all of them.
            self._desk.shut()

    def backlog(self) -> Backlog:
        """How much waits for the group."""
        return finish(self._backlog())

    def close(self, timeout: float = 10.0) -> int:
        """Takes nothing more, waits for what is in hand, but no longer than `timeout`, and gives back the rest.

        Other workers get that at once. Answers how many were still in hand at the end: they are tried again by others
        once this worker counts as gone.
        """
        left = finish(self._desk.close(timeout))
        self._feed.end()
        if self._feeding is not None:
            self._feeding.join(self._desk.settings.timeout)
        finish(self._bus.close())
        return left

    def __enter__(self: _Self) -> _Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
