"""What both kinds of workers are, however their programs wait."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic

from .._connect import build_keys, open_redis_bus
from .._io.failure import Failure, FailureKind
from .._io.interfaces import Io, Runtime, Timeouts
from .._io.retry import until
from .._protocol.retention import Retentions
from .._redis.bus import RedisBus
from .._redis.streams import Group, StreamKind
from .._transport.interface import Options
from .._transport.stamp import new_id
from ..errors import PublishError
from .fetcher import Fetcher
from .job import J, JobKind, R
from .lease_queue import LeaseQueue, Settings, WorkerCounters

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
        streams: StreamKind,
        group: str,
        worker: str | None,
        prefix: str,
        settings: Settings,
        kind: Callable[[RedisBus, Group, Io], JobKind[J, R]],
    ) -> None:
        """Looks at the URL, and sends nothing yet."""
        runtime = self._make_runtime()
        options = Options(build_keys(prefix), Retentions(), _TIMEOUTS)
        self._bus = open_redis_bus(url, options, runtime)
        self._group = group
        members = Group(self._bus, streams, group, worker or new_id())
        self._queue = LeaseQueue(members, kind(self._bus, members, runtime.io), settings, runtime.io)
        self._fetcher = Fetcher(self._queue)

    def _make_runtime(self) -> Runtime:
        raise NotImplementedError

    @property
    def counters(self) -> WorkerCounters:
        """What this worker has done so far."""
        return self._queue.counters

    async def _open(self) -> None:
        try:
            await self._bus.open()
        except Failure as failure:
            if failure.kind is FailureKind.PUBLISHER:
                raise failure.error from None
            log.warning("no connection yet, it is tried again: %s", failure.error)

    async def _backlog(self) -> Backlog:
        return Backlog(*await until(self._queue.io, self._queue.settings.timeout, self._queue.group.backlog))


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


async def work(queue: LeaseQueue[J, R], attempt: Callable[[J], Awaitable[R]]) -> None:
    """Has one job after the other tried, until the desk is closed. Several of these run side by side."""
    while (in_flight := await queue.next()) is not None:
        messages = queue.kind.messages
        try:
            try:
                result = await attempt(in_flight.job)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is a try that failed
                log.warning("%s: %s: %s", messages.failed, in_flight.job.id, type(error).__name__)
                await queue.failed(in_flight, f"{type(error).__name__}: {error}")
            else:
                await queue.done(in_flight, result)
        except PublishError as error:
            log.warning("%s: %s: %s", messages.untold, in_flight.job.id, error)
        finally:
            queue.release(in_flight)
