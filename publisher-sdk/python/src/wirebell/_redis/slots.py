"""The owners of the slots: the primaries of a Cluster, or one server for all slots."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace

from redis.crc import key_slot

from .._io.interfaces import Reply, Server

_SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class Slots:
    """The owners of the slots in order, each with the last slot of its range."""

    lasts: tuple[int, ...]
    ranges: tuple[Server, ...]

    @classmethod
    def all_at(cls, server: Server) -> Slots:
        """Assigns all slots to one server."""
        return cls((_SLOTS - 1,), (server,))

    @property
    def owners(self) -> tuple[Server, ...]:
        """Every owner once."""
        return tuple(dict.fromkeys(self.ranges))

    def owner(self, key: str) -> Server:
        """Returns the owner of the key's slot."""
        if len(self.ranges) == 1:
            return self.ranges[0]
        return self.ranges[bisect_left(self.lasts, key_slot(key.encode()))]


def read(reply: Reply, responder: Server) -> Slots | None:
    """Reads the reply to `CLUSTER SLOTS`.

    Returns `None` if it is something else, or if a slot has no owner: its channels could not be published to.
    """
    if not isinstance(reply, list):
        return None
    ranges = [_range(row, responder) for row in reply]
    whole = sorted((one for one in ranges if one is not None), key=lambda one: one[0])
    starts = [0, *(last + 1 for _, last, _ in whole)]
    if len(whole) != len(ranges) or starts != [*(first for first, _, _ in whole), _SLOTS]:
        return None
    return Slots(tuple(last for _, last, _ in whole), tuple(owner for *_, owner in whole))


def _range(row: Reply, responder: Server) -> tuple[int, int, Server] | None:
    """Reads `[first, last, [host, port, …], …replicas]`."""
    match row:
        case [int(first), int(last), [host, int(port), *_], *_]:
            # A server that does not know its own host omits it: use the address that it was reached by.
            is_known = isinstance(host, str) and host not in ("", "?")
            return first, last, replace(responder, host=host if is_known else responder.host, port=port)  # type: ignore[arg-type]
    return None
