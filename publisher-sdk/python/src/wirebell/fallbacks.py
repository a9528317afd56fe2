"""Fallbacks for programs that block: a service takes over what no device has acknowledged by its deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from ._blocking import BlockingWays
from ._io.blocking import finish
from ._redis.streams import Entry
from ._tracking.desk import Desk, Fallback
from ._tracking.worker import Backlog, FallbacksBase, work

Handler = Callable[[Fallback], object]


class Claim:
    """A fallback in this worker's hand, until it says how taking it over ended."""

    def __init__(self, desk: Desk, entry: Entry, fallback: Fallback) -> None:
        self._desk = desk
        self._entry = entry
        self.fallback = fallback
        """What is to be taken over."""

    def done(self) -> None:
        """It is taken over. An error means that Redis could not be told: it will be handed out once more."""
        finish(self._desk.done(self._entry))

    def failed(self, reason: str) -> None:
        """It could not be taken over: it is tried again later, or becomes a dead letter if that was the last try."""
        finish(self._desk.failed(self._entry, reason))


class Fallbacks(FallbacksBase):
    """One worker of a consumer group on the fallback stream.

    An event gets into the stream exactly once. From there it is handed to one of the group's workers, at least once:
    where a worker dies after it has sent the text message and before it has said so, another sends it again. So what
    a handler does should be harmless twice; the event's id tells.

    >>> with Fallbacks("redis://127.0.0.1:6379", "text-messages") as fallbacks:  # doctest: +SKIP
    ...     fallbacks.run(send_text_message)  # until `close` is called, from another thread or a signal's handler
    """

    def _make_ways(self) -> BlockingWays:
        self._feeding: threading.Thread | None = None
        self._starting = threading.Lock()
        return BlockingWays()

    def open(self) -> Fallbacks:
        """Begins to read. A Redis that cannot be reached is no error: it is tried again until it is there."""
        finish(self._open())
        self._start()
        return self

    def _start(self) -> None:
        with self._starting:
            if self._feeding is None and not self._desk.closed:
                self._feeding = threading.Thread(target=self._fill, name="wirebell-fallbacks", daemon=True)
                self._feeding.start()

    def _fill(self) -> None:
        finish(self._feed.run())

    def next(self, timeout: float | None = None) -> Claim | None:
        """The next event to be taken over; none once the worker is closed, or after so many seconds."""
        self._start()
        taken = finish(self._desk.next(timeout))
        return None if taken is None else Claim(self._desk, *taken)

    def run(self, handler: Handler) -> None:
        """Hands every event to the handler, several at a time, each in a thread of its own.

        It returns when the worker is closed and the last handler has come to its end. What a handler raises is a try
        that failed: it is tried again later, and ends as a dead letter.
        """

        async def handle(fallback: Fallback) -> object:
            return handler(fallback)

        def serve() -> None:
            finish(work(self._desk, handle))

        self._start()
        threads = [
            threading.Thread(target=serve, name=f"wirebell-fallback-{number}", daemon=True)
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

    def __enter__(self) -> Fallbacks:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
