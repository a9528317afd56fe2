"""The base class of both inbox workers."""

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
    """A worker on the inbox, independent of blocking or asyncio."""

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
        """Checks the URL and sends nothing yet.

        :param url: URL of a Redis. The inbox cannot be read over HTTP.
        :param service: name of the service. Workers of one service share the events; every service gets all of
            them. A new service begins with the oldest event that is kept.
        :param worker: name of this worker, unique in its service. A generated name by default.
        :param prefix: prefix of the keys in Redis; must equal `bus.prefix` of the nodes.
        :param tries: number of attempts before an event becomes a dead letter. A worker's death counts as one.
        :param first_wait: seconds before the second attempt. Every further wait is twice as long.
        :param longest_wait: most seconds between two attempts.
        :param gone_after: seconds without a lease renewal after which other workers take over a worker's events.
            A handler may take longer: its worker renews the lease meanwhile.
        :param at_once: number of events that `run` handles at the same time.
        :param timeout: seconds for which reporting a result to Redis is retried.
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
            raise ConfigurationError("expected an event type, such as `send-message`", "bad_handler")
        if not callable(handler):
            raise ConfigurationError(f"expected a function as the handler of `{type}`", "bad_handler")
        if type in self._handlers:
            raise ConfigurationError(f"`{type}` already has a handler", "bad_handler")
        self._handlers[type] = handler

    def _check_handlers(self) -> None:
        if not self._handlers:
            raise ConfigurationError("no handler is registered; call `on` before `run`", "bad_handler")
