"""The publisher for asyncio programs: FastAPI, Starlette, aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType

from ._async_runtime import AsyncRuntime
from ._protocol.receipt import Receipt
from ._publishing.base import AnyEvent, PublisherBase
from ._publishing.enqueued import Flushed
from ._publishing.pump import pump
from ._tracking.published import AsyncPublished
from ._tracking.receipt_streams import AsyncReceipts
from ._tracking.receipts import ReceiptFilter
from ._transport.interface import Cancellation
from .errors import PublishError


class AsyncPublisher(PublisherBase):
    """Publishes events to one user, to a topic or to all clients. All tasks of one event loop may share it.

    >>> async with AsyncPublisher("redis://127.0.0.1:6379") as wb:  # doctest: +SKIP
    ...     await wb.publish(Event("user:42", "payment-status", {"status": "paid"}))
    """

    def _make_runtime(self) -> AsyncRuntime:
        self._worker: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        return AsyncRuntime()

    async def open(self) -> AsyncPublisher:
        """Connects to Redis once: a wrong password fails here, and the first event finds an open connection.

        It does not fail while Redis is unreachable, because a service must be able to start then. Over
        HTTP it sends nothing. Events that are already enqueued begin to be published.
        """
        self._loop = asyncio.get_running_loop()
        self._ensure_worker_for_what_waits()
        await self._open()
        return self

    async def publish(self, event: AnyEvent) -> AsyncPublished:
        """Publishes one event and returns once the bus has it. See :meth:`Publisher.publish`."""
        (answer,) = await self.publish_all([event])
        if isinstance(answer, PublishError):
            raise answer
        return answer

    async def publish_all(self, events: Iterable[AnyEvent]) -> list[AsyncPublished | PublishError]:
        """Publishes several events and returns one result each, in their order. See :meth:`Publisher.publish_all`."""
        return [
            answer if isinstance(answer, PublishError) else AsyncPublished(answer.id, answer.channels, watch)
            for answer, watch in await self._publish(events)
        ]

    async def receipts(self, event_id: str) -> list[Receipt]:
        """Returns the event's receipt for each of its channels, or an empty list if the bus has no record."""
        return await self._receipts(event_id)

    def follow(self, group: str | None = None, *, only: ReceiptFilter | None = None) -> AsyncReceipts:
        """Returns the stream of receipts: delivery updates of all tracked events on this bus. Redis only.

        The stream covers the events of all services. Readers with the same `group` share it: each update
        goes to one of them, at least once, and reading continues there after a restart. A new group begins
        with the oldest update that is kept. Without a group, reading begins now. `only` selects updates;
        in a group, the other updates are acknowledged without being returned.
        """
        return AsyncReceipts(self._reader(group, only))

    async def cancel(self, event_id: str) -> Cancellation:
        """Cancels an event whose `deliver_at` has not come. Calling it twice has no further effect."""
        return await self._cancel(event_id)

    async def flush(self, timeout: float = 5.0) -> Flushed:
        """Waits up to `timeout` seconds until every event enqueued so far is published or rejected."""
        self._ensure_worker_for_what_waits()
        return await self._buffer.flushed(timeout)

    async def close(self, timeout: float = 5.0) -> Flushed:
        """Accepts no more events, waits as `flush` does, and closes the connections."""
        self._closed = True
        self._ensure_worker_for_what_waits()
        self._buffer.close()
        flushed = await self._buffer.flushed(timeout)
        self._buffer.give_up()
        worker = self._worker
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])
        await self._transport.close()
        return flushed

    async def __aenter__(self) -> AsyncPublisher:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _ensure_worker_for_what_waits(self) -> None:
        """Starts the worker for events that were enqueued while there was no event loop."""
        if self.counters.waiting:
            self._ensure_worker()

    def _ensure_worker(self) -> None:
        if self._worker is not None:
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            # Called from another thread, such as that of a blocking endpoint. Without a loop, `open` starts it.
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._start)
        else:
            self._start()

    def _start(self) -> None:
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(pump(self._io, self._transport, self._buffer))
