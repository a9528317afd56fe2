"""The publisher under asyncio: FastAPI, Starlette, aiohttp."""

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
    """Publishes events: to one user, to a topic or to everybody. It may be shared by all tasks of an event loop.

    >>> async with AsyncPublisher("redis://127.0.0.1:6379") as wb:  # doctest: +SKIP
    ...     await wb.publish(Event("user:42", "payment-status", {"status": "paid"}))
    """

    def _make_runtime(self) -> AsyncRuntime:
        self._worker: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        return AsyncRuntime()

    async def open(self) -> AsyncPublisher:
        """Reaches for Redis once, so that a wrong password is found now and the first event finds a connection.

        A Redis that cannot be reached is no error: a service must be able to start while Redis is down. Over HTTP
        nothing is sent before the first event. What was enqueued before begins to be published.
        """
        self._loop = asyncio.get_running_loop()
        self._ensure_worker_for_what_waits()
        await self._open()
        return self

    async def publish(self, event: AnyEvent) -> AsyncPublished:
        """Publishes one event, and returns once the bus has it. See :meth:`Publisher.publish`."""
        (answer,) = await self.publish_all([event])
        if isinstance(answer, PublishError):
            raise answer
        return answer

    async def publish_all(self, events: Iterable[AnyEvent]) -> list[AsyncPublished | PublishError]:
        """Publishes many events, and answers for each, in their order. See :meth:`Publisher.publish_all`."""
        return [
            answer if isinstance(answer, PublishError) else AsyncPublished(answer.id, answer.channels, watch)
            for answer, watch in await self._publish(events)
        ]

    async def receipts(self, event_id: str) -> list[Receipt]:
        """What became of an event, on each of its channels; empty if the bus knows nothing of it."""
        return await self._receipts(event_id)

    def follow(self, group: str | None = None, *, only: ReceiptFilter | None = None) -> AsyncReceipts:
        """The stream of receipts: what becomes of every watched event on this bus. Only over Redis.

        It tells of all services' events. With a `group`, it is shared with all others who name that group: each
        receipt goes to one of them, at least once, and goes on where they were after a restart; a new group begins
        with the oldest receipts that are kept. Without one, it is what is told from now on. `only` picks some; of a
        group's, the others are done with.
        """
        return AsyncReceipts(self._reader(group, only))

    async def cancel(self, event_id: str) -> Cancellation:
        """Cancels an event with `deliver_at` whose time has not come. Doing it twice is doing it once."""
        return await self._cancel(event_id)

    async def flush(self, timeout: float = 5.0) -> Flushed:
        """Waits until everything enqueued so far has been published or refused, but no longer than `timeout`."""
        self._ensure_worker_for_what_waits()
        return await self._buffer.flushed(timeout)

    async def close(self, timeout: float = 5.0) -> Flushed:
        """Takes no more events, waits as `flush` does, and closes the connections."""
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
        """Something may have been enqueued where there was no event loop."""
        if self.counters.waiting:
            self._ensure_worker()

    def _ensure_worker(self) -> None:
        if self._worker is not None:
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            # Another thread, such as that of an endpoint which blocks. Without a loop yet, `open` will see to it.
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._start)
        else:
            self._start()

    def _start(self) -> None:
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(pump(self._io, self._transport, self._buffer))
