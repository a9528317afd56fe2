"""Which server holds what: the slots of a Cluster, or all of them on one server."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace

from redis.crc import key_slot

from .._io.interfaces import Reply, Server

_SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class Slots:
    """The owners of the slots, in order, each with the last slot of its range."""

    lasts: tuple[int, ...]
    ranges: tuple[Server, ...]

    @classmethod
    def all_at(cls, server: Server) -> Slots:
        """One server has them all."""
        return cls((_SLOTS - 1,), (server,))

    @property
    def owners(self) -> tuple[Server, ...]:
        """All owners, each once."""
        return tuple(dict.fromkeys(self.ranges))

    def owner(self, key: str) -> Server:
        """Who has the slot of this key."""
        if len(self.ranges) == 1:
            return self.ranges[0]
        return self.ranges[bisect_left(self.lasts, key_slot(key.encode()))]


def read(answer: Reply, asked: Server) -> Slots | None:
    """Reads what a server answers to `CLUSTER SLOTS`.

    None if it is something else, or not every slot has an owner: a channel without one could not be published to.
    """
    if not isinstance(answer, list):
        return None
    ranges = [_range(row, asked) for row in answer]
    whole = sorted((one for one in ranges if one is not None), key=lambda one: one[0])
    behind = [0, *(last + 1 for _, last, _ in whole)]
    if len(whole) != len(ranges) or behind != [*(first for first, _, _ in whole), _SLOTS]:
        return None
    return Slots(tuple(last for _, last, _ in whole), tuple(owner for *_, owner in whole))


def _range(row: Reply, asked: Server) -> tuple[int, int, Server] | None:
    """Reads `[first, last, [host, port, …], …replicas]`."""
    match row:
        case [int(first), int(last), [host, int(port), *_], *_]:
            # A server that does not know its own host leaves it out: then it is the one by which it was reached.
            is_known = isinstance(host, str) and host not in ("", "?")
            return first, last, replace(asked, host=host if is_known else asked.host, port=port)  # type: ignore[arg-type]
    return None
