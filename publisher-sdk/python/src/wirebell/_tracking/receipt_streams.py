"""Iterators over the stream of receipts, for blocking and asyncio programs."""

from __future__ import annotations

from types import TracebackType

from .._io.blocking import finish
from .receipts import DeliveryUpdate, ReceiptReader


class Receipts:
    """Iterates over the delivery updates of all tracked events. It ends once it is closed."""

    def __init__(self, reader: ReceiptReader) -> None:
        self._reader = reader

    def __iter__(self) -> Receipts:
        return self

    def __next__(self) -> DeliveryUpdate:
        """Returns the next update. It waits as long as there is none, also while Redis is down.

        Reading the next update acknowledges the previous one. Until then it stays pending in the group,
        and is delivered again if this reader is gone for a minute.
        """
        update = self.next()
        if update is None:
            raise StopIteration
        return update

    def next(self, timeout: float | None = None) -> DeliveryUpdate | None:
        """Returns the next update, or `None` after `timeout` seconds or once closed."""
        return finish(self._reader.next(timeout))

    def commit(self) -> None:
        """Acknowledges every update returned so far, before this reader ends."""
        finish(self._reader.commit())

    def close(self) -> None:
        """Closes the stream. Any thread may call it."""
        self._reader.stop()

    def __enter__(self) -> Receipts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncReceipts:
    """Iterates over the delivery updates of all tracked events. It ends once it is closed."""

    def __init__(self, reader: ReceiptReader) -> None:
        self._reader = reader

    def __aiter__(self) -> AsyncReceipts:
        return self

    async def __anext__(self) -> DeliveryUpdate:
        """Returns the next update, as :meth:`Receipts.__next__` does."""
        update = await self.next()
        if update is None:
            raise StopAsyncIteration
        return update

    async def next(self, timeout: float | None = None) -> DeliveryUpdate | None:
        """Returns the next update, or `None` after `timeout` seconds or once closed."""
        return await self._reader.next(timeout)

    async def commit(self) -> None:
        """Acknowledges every update returned so far, before this reader ends."""
        await self._reader.commit()

    async def close(self) -> None:
        """Closes the stream."""
        self._reader.stop()

    async def __aenter__(self) -> AsyncReceipts:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
