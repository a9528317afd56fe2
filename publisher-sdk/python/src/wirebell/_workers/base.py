"""What both kinds of workers are, however their programs wait."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic

from .._io.seam import Io, Timeouts
from .._protocol.retention import Retentions
from .._publishing.base import Ways, keys, redis_bus
from .._publishing.failure import Failure, Verdict
from .._publishing.retry import until
from .._publishing.stamp import new_id
from .._publishing.transport import Options
from .._redis.bus import RedisBus
from .._redis.streams import Group, Kind
from ..errors import PublishError
from .desk import Desk, Settings, WorkerCounters
from .feed import Feed
from .job import J, JobKind, R

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


class WorkerBase(Generic[J, R]):
    """Everything about a worker save how it waits, and what it works on."""

    def _set_up(
        self,
        url: str,
        streams: Kind,
        group: str,
        worker: str | None,
        prefix: str,
        settings: Settings,
        kind: Callable[[RedisBus, Group, Io], JobKind[J, R]],
    ) -> None:
        """Looks at the URL, and sends nothing yet."""
        ways = self._make_ways()
        options = Options(keys(prefix), Retentions(), _TIMEOUTS)
        self._bus = redis_bus(url, options, ways)
        self._group = group
        members = Group(self._bus, streams, group, worker or new_id())
        self._desk = Desk(members, kind(self._bus, members, ways.io), settings, ways.io)
        self._feed = Feed(self._desk)

    def _make_ways(self) -> Ways:
        raise NotImplementedError

    @property
    def counters(self) -> WorkerCounters:
        """What this worker has done so far."""
        return self._desk.counters

    async def _open(self) -> None:
        try:
            await self._bus.open()
        except Failure as failure:
            if failure.verdict is Verdict.DOOR:
                raise failure.error from None
            log.warning("no connection yet, it is tried again: %s", failure.error)

    async def _backlog(self) -> Backlog:
        return Backlog(*await until(self._desk.io, self._desk.settings.timeout, self._desk.group.backlog))


def settings(
    *, tries: int, first_wait: float, longest_wait: float, gone_after: float, at_once: int, timeout: float
) -> Settings:
    """What was chosen, within its bounds."""
    return Settings(
        tries=max(1, tries),
        first_wait=first_wait,
        longest_wait=max(first_wait, longest_wait),
        gone_after=max(0.1, gone_after),
        at_once=max(1, at_once),
        timeout=timeout,
    )


async def work(desk: Desk[J, R], attempt: Callable[[J], Awaitable[R]]) -> None:
    """Has one job after the other tried, until the desk is closed. Several of these run side by side."""
    while (held := await desk.next()) is not None:
        words = desk.kind.words
        try:
            try:
                result = await attempt(held.job)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is a try that failed
                log.warning("%s: %s: %s", words.failed, held.job.id, type(error).__name__)
                await desk.failed(held, f"{type(error).__name__}: {error}")
            else:
                await desk.done(held, result)
        except PublishError as error:
            log.warning("%s: %s: %s", words.untold, held.job.id, error)
        finally:
            desk.let_go(held)
