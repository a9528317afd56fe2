"""The inbox for blocking programs: a service handles client events and presence events."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

from ._inbox.base import InboxBase
from ._inbox.event import InboxEvent, InboxJob
from ._inbox.jobs import Handled
from ._inbox.reply import reply_json
from ._io.blocking import finish
from ._workers.blocking import BlockingWorker
from ._workers.job import InFlight
from ._workers.lease_queue import LeaseQueue
from .errors import ConfigurationError

InboxHandler = Callable[[InboxEvent], object]
"""Handles one event and returns the reply."""

_H = TypeVar("_H", bound=InboxHandler)


class InboxClaim:
    """An event leased by this worker until `done`, `pass_over` or `failed` is called."""

    def __init__(self, queue: LeaseQueue[InboxJob, Handled], in_flight: InFlight[InboxJob]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.event = in_flight.job.event
        """The event to handle."""

    def done(self, reply: object = None) -> None:
        """Marks the event as handled, and sends the reply to the client that waits for one.

        The reply is any JSON value. After an `InvalidReply` the event is still leased. On any other
        error Redis does not have the result, and the event is delivered again.
        """
        finish(self._queue.done(self._in_flight, reply_json(reply)))

    def pass_over(self) -> None:
        """Skips an event that this service does not handle. The client gets no reply from this service."""
        finish(self._queue.done(self._in_flight, None))

    def failed(self, reason: str) -> None:
        """Reports a failed attempt. The event is retried later; after the last attempt it becomes a dead letter.

        The client then receives the error `service_failed`.
        """
        finish(self._queue.failed(self._in_flight, reason))


class Inbox(InboxBase[InboxHandler], BlockingWorker[InboxJob, Handled]):
    """One worker of a service on the inbox.

    A client event is in the inbox once. Every service, that is every consumer group, gets it at least once:
    if a worker dies after it handled the event but before `done`, another worker handles it again. A handler
    must therefore be idempotent; use the event's id.

    >>> inbox = Inbox("redis://127.0.0.1:6379", "chat")  # doctest: +SKIP
    >>> @inbox.on("send-message")  # doctest: +SKIP
    ... def send_message(event):
    ...     return {"sent": event.id}
    >>> with inbox:  # doctest: +SKIP
    ...     inbox.run()  # until `close` is called, from another thread or a signal's handler
    """

    def on(self, type: str) -> Callable[[_H], _H]:
        """Registers the decorated function as the handler of an event type."""

        def add(handler: _H) -> _H:
            if inspect.iscoroutinefunction(handler):
                raise ConfigurationError(
                    f"the handler of `{type}` is a coroutine function; use AsyncInbox", "bad_handler"
                )
            self._add(type, handler)
            return handler

        return add

    def next(self, timeout: float | None = None) -> InboxClaim | None:
        """Returns the next event of any type, or `None` once closed or after `timeout` seconds.

        While an event of a user is leased, other events of the same user wait.
        """
        in_flight = self._next(timeout)
        return None if in_flight is None else InboxClaim(self._queue, in_flight)

    def run(self) -> None:
        """Passes every event to the handler of its type, several at a time, each in its own thread.

        Events of one user are handled one at a time. Returns once the worker is closed and the last handler
        has returned. An exception in a handler is a failed attempt: the event is retried later, and finally
        becomes a dead letter. Events whose type has no handler are skipped.
        """

        def attempt(job: InboxJob) -> Handled:
            handler = self._handlers.get(job.event.type)
            return None if handler is None else reply_json(handler(job.event))

        self._check_handlers()
        self._run(attempt)
