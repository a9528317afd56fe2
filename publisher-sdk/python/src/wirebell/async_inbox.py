"""The inbox under asyncio: a service handles what clients emit, and hears who comes and goes."""

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
"""Handles one event; what it returns is the reply."""

_H = TypeVar("_H", bound=AsyncInboxHandler)


class AsyncInboxClaim:
    """An event in this worker's hand, until it says how handling it ended."""

    def __init__(self, queue: LeaseQueue[InboxJob, Handled], in_flight: InFlight[InboxJob]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.event = in_flight.job.event
        """What is to be handled."""

    async def done(self, reply: object = None) -> None:
        """It is handled; the reply, anything that JSON can write, goes to its emitter, if that waits for one.

        After an `InvalidReply` the event is still in hand. Any other error means that Redis could not be told: it will
        be handed out once more.
        """
        await self._queue.done(self._in_flight, reply_json(reply))

    async def pass_over(self) -> None:
        """It is none of this service's: its emitter hears nothing from here."""
        await self._queue.done(self._in_flight, None)

    async def failed(self, reason: str) -> None:
        """It could not be handled: it is tried again later, or becomes a dead letter if that was the last try.

        Then its emitter is told `service_failed`.
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
        """Names the coroutine that follows as the handler of a type."""

        def add(handler: _H) -> _H:
            self._add(type, handler)
            return handler

        return add

    async def next(self, timeout: float | None = None) -> AsyncInboxClaim | None:
        """The next event, of whatever type; none once the worker is closed, or after so many seconds.

        While one of a user's events is in hand, the user's others wait.
        """
        in_flight = await self._next(timeout)
        return None if in_flight is None else AsyncInboxClaim(self._queue, in_flight)

    async def run(self) -> None:
        """Hands every event to the handler of its type, several at a time.

        One user's are handled one after the other. It returns when the worker is closed and the last handler has come
        to its end. What a handler raises is a try that failed: it is tried again later, and ends as a dead letter.
        Events whose type has no handler are passed over.
        """

        async def attempt(job: InboxJob) -> Handled:
            handler = self._handlers.get(job.event.type)
            return None if handler is None else reply_json(await handler(job.event))

        self._check_handlers()
        await self._run(attempt)
