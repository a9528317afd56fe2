"""What both kinds of workers on the fallback stream are, however their programs wait."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .._io.seam import Timeouts
from .._protocol.retention import Retentions
from .._publishing.base import Ways, keys, redis_bus
from .._publishing.failure import Failure, Verdict
from .._publishing.retry import until
from .._publishing.stamp import new_id
from .._publishing.transport import Options
from .._redis.streams import Group, Kind
from ..errors import ConfigurationError, PublishError
from .desk import Desk, Fallback, FallbackCounters, Settings
from .feed import Feed

log = logging.getLogger("wirebell")

_TIMEOUTS = Timeouts(2.0, 2.0)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits for a group."""

    lag: int | None
    """Events that no worker has got yet; none if Redis does not know, as after entries were deleted by hand."""
    pending: int
    """Events that a worker has got and not finished: in its hand, waiting for another try, or its worker is gone."""
    dead: int
    """Dead letters, of all groups."""


class FallbacksBase:
    """Everything about a worker save how it waits."""

    def __init__(
        self,
        url: str,
        group: str,
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

        :param url: of a Redis; fallbacks are not read over HTTP.
        :param group: workers that name the same one share the work; every group gets everything. A new one begins with
            the oldest entry that is kept.
        :param worker: its name in the group, which no other may have at the same time; one of its own if absent.
        :param prefix: of the keys in Redis, as the nodes have it in `bus.prefix`.
        :param tries: how often an event is tried before it becomes a dead letter; a worker's death over it is a try.
        :param first_wait: seconds before the second try; each wait is twice the one before.
        :param longest_wait: seconds between two tries at the most.
        :param gone_after: a worker that has given no sign of life for so many seconds is gone, and others take over. A
            handler may take longer than that: its worker goes on giving signs.
        :param at_once: how many events `run` hands out at once.
        :param timeout: for how many seconds it is tried to tell Redis how an event's handling ended.
        """
        if not group:
            raise ConfigurationError("the name of the group is empty", "bad_group")
        ways = self._make_ways()
        options = Options(keys(prefix), Retentions(), _TIMEOUTS)
        self._bus = redis_bus(url, options, ways)
        settings = Settings(
            tries=max(1, tries),
            first_wait=first_wait,
            longest_wait=max(first_wait, longest_wait),
            gone_after=max(0.1, gone_after),
            at_once=max(1, at_once),
            timeout=timeout,
        )
        self._desk = Desk(Group(self._bus, Kind.FALLBACK, group, worker or new_id()), settings, ways.io)
        self._feed = Feed(self._desk)
        self._group = group

    def _make_ways(self) -> Ways:
        raise NotImplementedError

    @property
    def counters(self) -> FallbackCounters:
        """What this worker has done so far."""
        return self._desk.counters

    def __repr__(self) -> str:
        return f"{type(self).__name__}(group={self._group!r})"

    async def _open(self) -> None:
        try:
            await self._bus.open()
        except Failure as failure:
            if failure.verdict is Verdict.DOOR:
                raise failure.error from None
            log.warning("no connection yet, it is tried again: %s", failure.error)

    async def _backlog(self) -> Backlog:
        return Backlog(*await until(self._desk.io, self._desk.settings.timeout, self._desk.group.backlog))


async def work(desk: Desk, handle: Callable[[Fallback], Awaitable[object]]) -> None:
    """Hands one event after the other to the handler, until the desk is closed. Several of these run side by side."""
    while (taken := await desk.next()) is not None:
        entry, fallback = taken
        try:
            try:
                await handle(fallback)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is a try that failed
                log.warning("taking over an event failed: %s: %s", fallback.id, type(error).__name__)
                await desk.failed(entry, f"{type(error).__name__}: {error}")
            else:
                await desk.done(entry)
        except PublishError as error:
            log.warning("nobody was told how taking over %s ended, it will be tried again: %s", fallback.id, error)
        finally:
            desk.let_go(entry)
