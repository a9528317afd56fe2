"""What both kinds of workers on the fallback stream are made from."""

from __future__ import annotations

from .._redis.streams import StreamKind
from .._workers.base import WorkerBase, settings
from ..errors import ConfigurationError
from .fallback import Fallback, FallbackJobs


class FallbacksBase(WorkerBase[Fallback, None]):
    """A worker on the fallback stream, however its program waits."""

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
