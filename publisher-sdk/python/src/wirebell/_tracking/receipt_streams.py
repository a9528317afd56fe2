"""The stream of receipts, as programs that block and programs under asyncio read it."""

from __future__ import annotations

from types import TracebackType

from .._io.blocking import finish
from .receipts import DeliveryUpdate, ReceiptReader


class Receipts:
    """What becomes of all watched events, one after the other. It ends once it is closed."""

    def __init__(self, reader: ReceiptReader) -> None:
        self._reader = reader

    def __iter__(self) -> Receipts:
        return self

    def __next__(self) -> DeliveryUpdate:
        """The next receipt. It waits for as long as there is none, also through an outage of Redis.

        Coming back for the next one says that the last one has been attended to; until then it stands in the group as
        begun, and is handed out again should this reader be gone for a minute.
        """
        update = self.next()
        if update is None:
            raise StopIteration
        return update

    def next(self, timeout: float | None = None) -> DeliveryUpdate | None:
        """The next receipt; none after so many seconds, or once it is closed."""
        return finish(self._reader.next(timeout))

    def commit(self) -> None:
        """Says that everything handed out so far has been attended to, before this reader goes."""
        finish(self._reader.commit())

    def close(self) -> None:
        """Ends it, from any thread."""
        self._reader.stop()

    def __enter__(self) -> Receipts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncReceipts:
    """What becomes of all watched events, one after the other. It ends once it is closed."""

    def __init__(self, reader: ReceiptReader) -> None:
        self._reader = reader

    def __aiter__(self) -> AsyncReceipts:
        return self

    async def __anext__(self) -> DeliveryUpdate:
        """The next receipt, as :meth:`Receipts.__next__` hands it out."""
        update = await self.next()
        if update is None:
            raise StopAsyncIteration
        return update

    async def next(self, timeout: float | None = None) -> DeliveryUpdate | None:
        """The next receipt; none after so many seconds, or once it is closed."""
        return await self._reader.next(timeout)

    async def commit(self) -> None:
        """Says that everything handed out so far has been attended to, before this reader goes."""
        await self._reader.commit()

    async def close(self) -> None:
        """Ends it."""
        self._reader.stop()

    async def __aenter__(self) -> AsyncReceipts:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
