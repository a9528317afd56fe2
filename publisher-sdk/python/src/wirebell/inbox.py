"""The inbox for programs that block: a service handles what clients emit, and hears who comes and goes."""

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
"""Handles one event; what it returns is the reply."""

_H = TypeVar("_H", bound=InboxHandler)


class InboxClaim:
    """An event in this worker's hand, until it says how handling it ended."""

    def __init__(self, queue: LeaseQueue[InboxJob, Handled], in_flight: InFlight[InboxJob]) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self.event = in_flight.job.event
        """What is to be handled."""

    def done(self, reply: object = None) -> None:
        """It is handled; the reply, anything that JSON can write, goes to its emitter, if that waits for one.

        After an `InvalidReply` the event is still in hand. Any other error means that Redis could not be told: it will
        be handed out once more.
        """
        finish(self._queue.done(self._in_flight, reply_json(reply)))

    def pass_over(self) -> None:
        """It is none of this service's: its emitter hears nothing from here."""
        finish(self._queue.done(self._in_flight, None))

    def failed(self, reason: str) -> None:
        """It could not be handled: it is tried again later, or becomes a dead letter if that was the last try.

        Then its emitter is told `service_failed`.
        """
        finish(self._queue.failed(self._in_flight, reason))


class Inbox(InboxBase[InboxHandler], BlockingWorker[InboxJob, Handled]):
    """One worker of a service on the inbox.

    What a client emits is in the inbox once. From there each service gets it, that is one worker of each consumer
    group, at least once: where a worker dies after it has handled the event and before it has said so, another handles
    it again. So what a handler does should be harmless twice; the event's id tells.

    >>> inbox = Inbox("redis://127.0.0.1:6379", "chat")  # doctest: +SKIP
    >>> @inbox.on("send-message")  # doctest: +SKIP
    ... def send_message(event):
    ...     return {"sent": event.id}
    >>> with inbox:  # doctest: +SKIP
    ...     inbox.run()  # until `close` is called, from another thread or a signal's handler
    """

    def on(self, type: str) -> Callable[[_H], _H]:
        """Names the function that follows as the handler of a type."""

        def add(handler: _H) -> _H:
            if inspect.iscoroutinefunction(handler):
                raise ConfigurationError(
                    f"the handler of `{type}` is a coroutine: AsyncInbox takes those", "bad_handler"
                )
            self._add(type, handler)
            return handler

        return add

    def next(self, timeout: float | None = None) -> InboxClaim | None:
        """The next event, of whatever type; none once the worker is closed, or after so many seconds.

        While one of a user's events is in hand, the user's others wait.
        """
        in_flight = self._next(timeout)
        return None if in_flight is None else InboxClaim(self._queue, in_flight)

    def run(self) -> None:
        """Hands every event to the handler of its type, several at a time, each in a thread of its own.

        One user's are handled one after the other. It returns when the worker is closed and the last handler has come
        to its end. What a handler raises is a try that failed: it is tried again later, and ends as a dead letter.
        Events whose type has no handler are passed over.
        """

        def attempt(job: InboxJob) -> Handled:
            handler = self._handlers.get(job.event.type)
            return None if handler is None else reply_json(handler(job.event))

        self._check_handlers()
        self._run(attempt)
