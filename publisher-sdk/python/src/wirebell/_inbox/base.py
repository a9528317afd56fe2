"""What both kinds of workers on the inbox are made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .._redis.streams import StreamKind
from .._workers.base import WorkerBase, settings
from ..errors import ConfigurationError
from .event import InboxEvent, InboxJob
from .jobs import Handled, InboxJobs

H = TypeVar("H", bound=Callable[[InboxEvent], object])


class InboxBase(WorkerBase[InboxJob, Handled], Generic[H]):
    """A worker on the inbox, however its program waits."""

    def __init__(
        self,
        url: str,
        service: str,
        *,
        worker: str | None = None,
        prefix: str = "wb",
        tries: int = 10,
        first_wait: float = 1.0,
        longest_wait: float = 300.0,
        gone_after: float = 30.0,
        at_once: int = 16,
        timeout: float = 5.0,
    ) -> None:
        """Looks at the URL, and sends nothing yet.

        :param url: of a Redis; the inbox is not read over HTTP.
        :param service: workers that name the same one share the events; every service gets all of them. A new one
            begins with the oldest that is kept.
        :param worker: its name in the service, which no other may have at the same time; one of its own if absent.
        :param prefix: of the keys in Redis, as the nodes have it in `bus.prefix`.
        :param tries: how often an event is tried before it becomes a dead letter; a worker's death over it is a try.
        :param first_wait: seconds before the second try; each wait is twice the one before.
        :param longest_wait: seconds between two tries at the most.
        :param gone_after: a worker that has given no sign of life for so many seconds is gone, and others take over. A
            handler may take longer than that: its worker goes on giving signs.
        :param at_once: how many events `run` hands out at once.
        :param timeout: for how many seconds it is tried to tell Redis how an event's handling ended.
        """
        if not service:
            raise ConfigurationError("the name of the service is empty", "bad_service")
        chosen = settings(
            tries=tries,
            first_wait=first_wait,
            longest_wait=longest_wait,
            gone_after=gone_after,
            at_once=at_once,
            timeout=timeout,
        )
        self._handlers: dict[str, H] = {}
        self._set_up(
            url,
            StreamKind.INBOX,
            service,
            worker,
            prefix,
            chosen,
            lambda bus, members, io: InboxJobs(bus, members, io, timeout),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(service={self._group!r})"

    def _add(self, type: str, handler: H) -> None:
        if not isinstance(type, str) or not type:
            raise ConfigurationError("expected the type of an event, such as `send-message`", "bad_handler")
        if not callable(handler):
            raise ConfigurationError(f"expected a function that handles `{type}`", "bad_handler")
        if type in self._handlers:
            raise ConfigurationError(f"`{type}` has a handler", "bad_handler")
        self._handlers[type] = handler

    def _check_handlers(self) -> None:
        if not self._handlers:
            raise ConfigurationError("there is no handler: expected `on` before `run`", "bad_handler")
