"""The publisher for blocking programs: Django, Flask, Celery, scripts."""

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
    """Publishes events to one user, to a topic or to all clients. All threads may share it.

    >>> with Publisher("redis://127.0.0.1:6379") as wb:  # doctest: +SKIP
    ...     wb.publish(Event("user:42", "payment-status", {"status": "paid"}))
    """

    def _make_runtime(self) -> BlockingRuntime:
        self._worker: threading.Thread | None = None
        self._starting = threading.Lock()
        return BlockingRuntime()

    def open(self) -> Publisher:
        """Connects to Redis once: a wrong password fails here, and the first event finds an open connection.

        It does not fail while Redis is unreachable, because a service must be able to start then. Over
        HTTP it sends nothing.
        """
        finish(self._open())
        return self

    def publish(self, event: AnyEvent) -> Published:
        """Publishes one event and returns once the bus has it.

        It retries until the publisher's timeout. Every attempt sends the same event id, so the event is
        published once. An invalid event or a wrong password raises at once.
        """
        (answer,) = self.publish_all([event])
        if isinstance(answer, PublishError):
            raise answer
        return answer

    def publish_all(self, events: Iterable[AnyEvent]) -> list[Published | PublishError]:
        """Publishes several events and returns one result each, in their order.

        Events of one channel enter its log in the given order, even if some are retried. The timeout applies
        to each batch of up to 256 events. If a batch fails, the later batches are not sent, and their events
        get the same error.
        """
        return [
            answer if isinstance(answer, PublishError) else Published(answer.id, answer.channels, watch)
            for answer, watch in finish(self._publish(events))
        ]

    def receipts(self, event_id: str) -> list[Receipt]:
        """Returns the event's receipt for each of its channels, or an empty list if the bus has no record."""
        return finish(self._receipts(event_id))

    def follow(self, group: str | None = None, *, only: ReceiptFilter | None = None) -> Receipts:
        """Returns the stream of receipts: delivery updates of all tracked events on this bus. Redis only.

        The stream covers the events of all services. Readers with the same `group` share it: each update
        goes to one of them, at least once, and reading continues there after a restart. A new group begins
        with the oldest update that is kept. Without a group, reading begins now. `only` selects updates;
        in a group, the other updates are acknowledged without being returned.
        """
        return Receipts(self._reader(group, only))

    def cancel(self, event_id: str) -> Cancellation:
        """Cancels an event whose `deliver_at` has not come. Calling it twice has no further effect."""
        return finish(self._cancel(event_id))

    def flush(self, timeout: float = 5.0) -> Flushed:
        """Waits up to `timeout` seconds until every event enqueued so far is published or rejected."""
        return finish(self._buffer.flushed(timeout))

    def close(self, timeout: float = 5.0) -> Flushed:
        """Accepts no more events, waits as `flush` does, and closes the connections."""
        self._closed = True
        self._buffer.close()
        flushed = finish(self._buffer.flushed(timeout))
        self._buffer.give_up()
        worker = self._worker
        if worker is not None:
            # At most one attempt is still running.
            worker.join(self._options.timeouts.reply)
        finish(self._transport.close())
        return flushed

    def __enter__(self) -> Publisher:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ensure_worker(self) -> None:
        # A forked child process has the buffer but not the thread.
        if self._worker is not None and self._worker.is_alive():
            return
        with self._starting:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="wirebell-publisher", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        finish(pump(self._io, self._transport, self._buffer))
