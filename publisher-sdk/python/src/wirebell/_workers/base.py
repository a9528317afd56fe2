"""The base class of both workers."""

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
    """How many events wait in a group."""

    lag: int | None
    """Events that no worker has read; `None` if Redis does not know, as after entries were deleted by hand."""
    pending: int
    """Events that a worker has read but not finished: in flight, waiting for a retry, or its worker is gone."""
    dead: int
    """Dead letters of all groups."""


class WorkerBase(Generic[J, R]):
    """A worker, independent of blocking or asyncio and of its job type."""

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
        """Checks the URL and sends nothing yet."""
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
        """Counters of this worker."""
        return self._queue.counters

    async def _open(self) -> None:
        try:
            await self._bus.open()
        except Failure as failure:
            if failure.kind is FailureKind.PUBLISHER:
                raise failure.error from None
            log.warning("cannot connect yet; retrying: %s", failure.error)

    async def _backlog(self) -> Backlog:
        return Backlog(*await until(self._queue.io, self._queue.settings.timeout, self._queue.group.backlog))


def settings(
    *, tries: int, first_wait: float, longest_wait: float, gone_after: float, at_once: int, timeout: float
) -> Settings:
    """Returns the settings, limited to valid ranges."""
    return Settings(
        tries=max(1, tries),
        first_wait=first_wait,
        longest_wait=max(first_wait, longest_wait),
        gone_after=max(0.1, gone_after),
        at_once=max(1, at_once),
        timeout=timeout,
    )


async def work(queue: LeaseQueue[J, R], attempt: Callable[[J], Awaitable[R]]) -> None:
    """Passes one job after the other to `attempt`, until the queue is closed. Several of these run in parallel."""
    while (in_flight := await queue.next()) is not None:
        messages = queue.kind.messages
        try:
            try:
                result = await attempt(in_flight.job)
            except Exception as error:  # noqa: BLE001 - any exception of a handler is a failed attempt
                log.warning("%s: %s: %s", messages.failed, in_flight.job.id, type(error).__name__)
                await queue.failed(in_flight, f"{type(error).__name__}: {error}")
            else:
                await queue.done(in_flight, result)
        except PublishError as error:
            log.warning("%s: %s: %s", messages.result_lost, in_flight.job.id, error)
        finally:
            queue.release(in_flight)
