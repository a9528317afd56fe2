"""The publisher for programs that block: Django, Flask, Celery, a script."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType

from ._blocking_runtime import BlockingRuntime
from ._io.blocking import finish
from ._protocol.receipt import Receipt
from ._publishing.base import AnyEvent, PublisherBase
from ._publishing.enqueued import Flushed
from ._publishing.pump import pump
from ._tracking.published import Published
from ._tracking.receipt_streams import Receipts
from ._tracking.receipts import ReceiptFilter
from ._transport.interface import Cancellation
from .errors import PublishError


class Publisher(PublisherBase):
    """Publishes events: to one user, to a topic or to everybody. It may be shared by all threads.

    >>> with Publisher("redis://127.0.0.1:6379") as wb:  # doctest: +SKIP
    ...     wb.publish(Event("user:42", "payment-status", {"status": "paid"}))
    """

    def _make_runtime(self) -> BlockingRuntime:
        self._worker: threading.Thread | None = None
        self._starting = threading.Lock()
        return BlockingRuntime()

    def open(self) -> Publisher:
        """Reaches for Redis once, so that a wrong password is found now and the first event finds a connection.

        A Redis that cannot be reached is no error: a service must be able to start while Redis is down. Over HTTP
        nothing is sent before the first event.
        """
        finish(self._open())
        return self

    def publish(self, event: AnyEvent) -> Published:
        """Publishes one event, and returns once the bus has it.

        It is tried until the publisher's timeout is over, each time as the same event, so that it is published once
        however often it is tried. A wrong event and a wrong password are told at once.
        """
        (answer,) = self.publish_all([event])
        if isinstance(answer, PublishError):
            raise answer
        return answer

    def publish_all(self, events: Iterable[AnyEvent]) -> list[Published | PublishError]:
        """Publishes many events, many at a time, and answers for each, in their order.

        Events of one channel get into its log in the order given, also where some have to be tried again. The timeout
        holds for each run of up to 256. Once a run could not be finished, none behind it is sent, and the error stands
        for each of them.
        """
        return [
            answer if isinstance(answer, PublishError) else Published(answer.id, answer.channels, watch)
            for answer, watch in finish(self._publish(events))
        ]

    def receipts(self, event_id: str) -> list[Receipt]:
        """What became of an event, on each of its channels; empty if the bus knows nothing of it."""
        return finish(self._receipts(event_id))

    def follow(self, group: str | None = None, *, only: ReceiptFilter | None = None) -> Receipts:
        """The stream of receipts: what becomes of every watched event on this bus. Only over Redis.

        It tells of all services' events. With a `group`, it is shared with all others who name that group: each
        receipt goes to one of them, at least once, and goes on where they were after a restart; a new group begins
        with the oldest receipts that are kept. Without one, it is what is told from now on. `only` picks some; of a
        group's, the others are done with.
        """
        return Receipts(self._reader(group, only))

    def cancel(self, event_id: str) -> Cancellation:
        """Cancels an event with `deliver_at` whose time has not come. Doing it twice is doing it once."""
        return finish(self._cancel(event_id))

    def flush(self, timeout: float = 5.0) -> Flushed:
        """Waits until everything enqueued so far has been published or refused, but no longer than `timeout`."""
        return finish(self._buffer.flushed(timeout))

    def close(self, timeout: float = 5.0) -> Flushed:
        """Takes no more events, waits as `flush` does, and closes the connections."""
        self._closed = True
        self._buffer.close()
        flushed = finish(self._buffer.flushed(timeout))
        self._buffer.give_up()
        worker = self._worker
        if worker is not None:
            # It is in the middle of a try, at the most.
            worker.join(self._options.timeouts.answer)
        finish(self._transport.close())
        return flushed

    def __enter__(self) -> Publisher:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ensure_worker(self) -> None:
        # A child that was forked has the buffer and not the thread.
        if self._worker is not None and self._worker.is_alive():
            return
        with self._starting:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="wirebell-publisher", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        finish(pump(self._io, self._transport, self._buffer))
