"""The inbox for asyncio programs: a service handles client events and presence events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ._inbox.base import InboxBase
from ._inbox.event import InboxEvent, InboxJob
from ._inbox.jobs import Handled
from ._inbox.reply import reply_json
from ._workers.asynchronous import AsyncWorker
from ._workers.job import InFlight
from ._workers.lease_queue import LeaseQueue

AsyncInboxHandler = Callable[[InboxEvent], Awaitable[object]]
"""Handles one event and returns the reply."""

_H = TypeVar("_H", bound=AsyncInboxHandler)


class AsyncInboxClaim:
    """An event leased by this worker until `done`, `pass_over` or `failed` is called."""

    def __init__(self, queue: LeaseQueue[InboxJob, Handled], in_flight: InFlight[InboxJob]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.event = in_flight.job.event
        """The event to handle."""

    async def done(self, reply: object = None) -> None:
        """Marks the event as handled, and sends the reply to the client that waits for one.

        The reply is any JSON value. After an `InvalidReply` the event is still leased. On any other
        error Redis does not have the result, and the event is delivered again.
        """
        await self._queue.done(self._in_flight, reply_json(reply))

    async def pass_over(self) -> None:
        """Skips an event that this service does not handle. The client gets no reply from this service."""
        await self._queue.done(self._in_flight, None)

    async def failed(self, reason: str) -> None:
        """Reports a failed attempt. The event is retried later; after the last attempt it becomes a dead letter.

        The client then receives the error `service_failed`.
        """
        await self._queue.failed(self._in_flight, reason)


class AsyncInbox(InboxBase[AsyncInboxHandler], AsyncWorker[InboxJob, Handled]):
    """One worker of a service on the inbox. See :class:`Inbox`.

    >>> inbox = AsyncInbox("redis://127.0.0.1:6379", "chat")  # doctest: +SKIP
    >>> @inbox.on("send-message")  # doctest: +SKIP
    ... async def send_message(event):
    ...     return {"sent": event.id}
    >>> async with inbox:  # doctest: +SKIP
    ...     await inbox.run()  # until `close` is called, or the task is cancelled
    """

    def on(self, type: str) -> Callable[[_H], _H]:
        """Registers the decorated coroutine function as the handler of an event type."""

        def add(handler: _H) -> _H:
            self._add(type, handler)
            return handler

        return add

    async def next(self, timeout: float | None = None) -> AsyncInboxClaim | None:
        """Returns the next event of any type, or `None` once closed or after `timeout` seconds.

        While an event of a user is leased, other events of the same user wait.
        """
        in_flight = await self._next(timeout)
        return None if in_flight is None else AsyncInboxClaim(self._queue, in_flight)

    async def run(self) -> None:
        """Passes every event to the handler of its type, several at a time, but one at a time for each user.

        Returns once the worker is closed and the last handler has returned. An exception in a handler
        is a failed attempt: the event is retried later, and finally becomes a dead letter. Events
        whose type has no handler are skipped.
        """

        async def attempt(job: InboxJob) -> Handled:
            handler = self._handlers.get(job.event.type)
            return None if handler is None else reply_json(await handler(job.event))

        self._check_handlers()
        await self._run(attempt)
