"""The base class of both fallback workers."""

from __future__ import annotations

from .._redis.streams import StreamKind
from .._workers.base import WorkerBase, settings
from ..errors import ConfigurationError
from .fallback import Fallback, FallbackJobs


class FallbacksBase(WorkerBase[Fallback, None]):
    """A worker on the fallback stream, independent of blocking or asyncio."""

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
        """Checks the URL and sends nothing yet.

        :param url: URL of a Redis. Fallback events cannot be read over HTTP.
        :param group: name of the consumer group. Workers of one group share the events; every group gets all of
            them. A new group begins with the oldest entry that is kept.
        :param worker: name of this worker, unique in its group. A generated name by default.
        :param prefix: prefix of the keys in Redis; must equal `bus.prefix` of the nodes.
        :param tries: number of attempts before an event becomes a dead letter. A worker's death counts as one.
        :param first_wait: seconds before the second attempt. Every further wait is twice as long.
        :param longest_wait: most seconds between two attempts.
        :param gone_after: seconds without a lease renewal after which other workers take over a worker's events.
            A handler may take longer: its worker renews the lease meanwhile.
        :param at_once: number of events that `run` handles at the same time.
        :param timeout: seconds for which reporting a result to Redis is retried.
        """
        if not group:
            raise ConfigurationError("the name of the group is empty", "bad_group")
        chosen = settings(
            tries=tries,
            first_wait=first_wait,
            longest_wait=longest_wait,
            gone_after=gone_after,
            at_once=at_once,
            timeout=timeout,
        )
        self._set_up(
            url, StreamKind.FALLBACK, group, worker, prefix, chosen, lambda _, members, __: FallbackJobs(members)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(group={self._group!r})"
