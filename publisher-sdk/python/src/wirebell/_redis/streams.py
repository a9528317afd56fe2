"""The streams of receipts, fallback events and client events.

There is one stream for each shard. All shards are polled together. No command blocks its connection, so a
missing reply is noticed like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from .._io.failure import Failure
from .._io.interfaces import Argument, Reply
from .._protocol.keys import SHARDS
from .._protocol.scripts import Script
from .bus import RedisBus, pairs
from .failures import has_code
from .routes import Command, command, eval_command

_MOST_DEAD = 1_000_000
"""Most dead letters in one shard."""
_MOST_IDLE = 100
"""Most idle entries that one request lists in one shard."""
_MOST_OWN = 1_000
"""Most own entries that one request lists in one shard: as many as a worker may have in flight."""


class StreamKind(Enum):
    """The kind of streams."""

    FALLBACK = "fallback"
    """Events without an acknowledgement by their deadline."""
    RECEIPTS = "receipts"
    """Final states of tracked events."""
    INBOX = "inbox"
    """Client events."""


EntryPosition = tuple[int, str]
"""The shard and the id of an entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream entry that this worker has leased."""

    position: EntryPosition
    fields: dict[str, str]
    tries: int
    """How often it was delivered."""

    def with_attempts(self, tries: int) -> Entry:
        return replace(self, tries=tries)


@dataclass(slots=True)
class ClaimedEntries:
    """Entries that this worker now has leased, and the first failure of a shard."""

    entries: list[Entry] = field(default_factory=list)
    failure: Failure | None = None

    def reply_or_none(self, reply: Reply | Failure) -> Reply:
        """Returns the reply of a shard, or notes its failure and returns `None`."""
        if isinstance(reply, Failure):
            self.failure = self.failure or reply
            return None
        return reply


class Streams:
    """The streams of one kind, for a reader without a group."""

    def __init__(self, bus: RedisBus, kind: StreamKind) -> None:
        self._bus = bus
        self._kind = kind

    def key(self, shard: int) -> str:
        keys = self._bus.options.keys
        if self._kind is StreamKind.INBOX:
            return keys.inbox(shard)
        return keys.fallback(shard) if self._kind is StreamKind.FALLBACK else keys.receipts(shard)

    def dead(self, shard: int) -> str:
        keys = self._bus.options.keys
        return keys.inbox_dead(shard) if self._kind is StreamKind.INBOX else keys.dead_letters(shard)

    async def ends(self) -> list[str]:
        """Returns the id of the last entry of every shard."""
        last = (command("XREVRANGE", self.key(shard), "+", "-", "COUNT", 1) for shard in SHARDS)
        return [next((id_ for id_, _ in _rows(reply)), "0-0") for reply in await self._bus.execute_all(last)]

    async def after(self, ends: Sequence[str], most: int) -> list[Entry]:
        """Returns up to `most` entries of every shard after the given ids."""
        commands = (
            command("XRANGE", self.key(shard), f"({end}", "+", "COUNT", most)
            for shard, end in zip(SHARDS, ends, strict=True)
        )
        replies = zip(SHARDS, await self._bus.execute_all(commands), strict=True)
        return [Entry((shard, id_), fields, 1) for shard, reply in replies for id_, fields in _rows(reply)]


class Group(Streams):
    """A consumer group on the streams of all shards, and this worker in it."""

    def __init__(self, bus: RedisBus, kind: StreamKind, name: str, worker: str) -> None:
        super().__init__(bus, kind)
        self.name = name
        self._worker = worker

    async def open(self) -> None:
        """Creates the group if it is missing. It begins with the oldest entry."""
        commands = [
            Command(self.key(shard), ("XGROUP", "CREATE", self.key(shard), self.name, 0, "MKSTREAM"))
            for shard in SHARDS
        ]
        for reply in await self._bus.execute(commands):
            if isinstance(reply, Failure) and not has_code(reply, "BUSYGROUP"):
                raise reply

    async def read(self, most: int) -> ClaimedEntries:
        """Takes up to `most` new entries of every shard."""
        start: tuple[Argument, ...] = ("XREADGROUP", "GROUP", self.name, self._worker, "COUNT", most)
        commands = [Command(self.key(shard), (*start, "STREAMS", self.key(shard), ">")) for shard in SHARDS]
        claimed = ClaimedEntries()
        for shard, reply in zip(SHARDS, await self._bus.execute(commands), strict=True):
            match claimed.reply_or_none(reply):
                case [[_, rows]]:
                    claimed.entries += [Entry((shard, id_), fields, 1) for id_, fields in _rows(rows)]
        return claimed

    async def take_over(self, idle: float, in_flight: Collection[EntryPosition]) -> ClaimedEntries:
        """Takes over entries that were idle for so long: their worker is gone. Skips those in `in_flight`."""
        return await self._claim(("IDLE", millis(idle), "-", "+", _MOST_IDLE), idle, in_flight)

    async def claim_unaccounted(self, in_flight: Collection[EntryPosition]) -> ClaimedEntries:
        """Takes entries that Redis assigns to this worker but that it does not have, as after a lost reply."""
        return await self._claim(("-", "+", _MOST_OWN, self._worker), 0.0, in_flight)

    async def _claim(
        self, which: Sequence[Argument], idle: float, in_flight: Collection[EntryPosition]
    ) -> ClaimedEntries:
        """Lists pending entries and claims those that were idle for so long."""
        claimed = ClaimedEntries()
        looks = [command("XPENDING", self.key(shard), self.name, *which) for shard in SHARDS]
        found: dict[int, dict[str, int]] = {}
        for shard, reply in zip(SHARDS, await self._bus.execute(looks), strict=True):
            rows = _pending(claimed.reply_or_none(reply))
            tries = {id_: count for id_, count in rows if (shard, id_) not in in_flight}
            if tries:
                found[shard] = tries
        claims = [
            command("XCLAIM", self.key(shard), self.name, self._worker, millis(idle), *tries)
            for shard, tries in found.items()
        ]
        replies = await self._bus.execute(claims) if claims else []
        for (shard, tries), reply in zip(found.items(), replies, strict=True):
            rows_ = _rows(claimed.reply_or_none(reply))
            claimed.entries += [Entry((shard, id_), fields, tries.get(id_, 0) + 1) for id_, fields in rows_]
        return claimed

    async def renew(self, in_flight: Iterable[EntryPosition]) -> None:
        """Renews the lease of these entries."""
        await self._bus.execute_all(
            eval_command(Script.KEEP, [self.key(shard)], self.name, self._worker, *ids)
            for shard, ids in _by_shard(in_flight).items()
        )

    async def done(self, positions: Iterable[EntryPosition]) -> None:
        """Acknowledges these entries."""
        await self._bus.execute_all(
            command("XACK", self.key(shard), self.name, *ids) for shard, ids in _by_shard(positions).items()
        )

    async def set_attempt(self, entry: Entry, so_far: float, tries: int) -> None:
        """Sets the idle time and the number of attempts of an entry."""
        shard, id_ = entry.position
        claim = command("XCLAIM", self.key(shard), self.name, self._worker, 0, id_)
        words = (*claim.words, "IDLE", millis(so_far), "RETRYCOUNT", tries, "JUSTID")
        await self._bus.execute_one(replace(claim, words=words))

    async def dead_letter(self, entry: Entry, reason: str) -> None:
        """Moves the entry to the dead letters, once, and acknowledges it."""
        shard, id_ = entry.position
        fields = {"group": self.name, "tries": str(entry.tries), "reason": reason, **entry.fields}
        words = [word for pair in fields.items() for word in pair]
        keys = [self.key(shard), self.dead(shard)]
        await self._bus.execute_one(eval_command(Script.BURY, keys, self.name, id_, _MOST_DEAD, *words))

    async def leave(self) -> None:
        """Removes this worker from the group, unless it still has entries in flight."""
        await self._bus.execute_all(
            eval_command(Script.LEAVE, [self.key(shard)], self.name, self._worker) for shard in SHARDS
        )

    async def backlog(self) -> tuple[int | None, int, int]:
        """Returns the unread entries (if Redis knows), the leased entries, and the dead letters."""
        groups = [Command(self.key(shard), ("XINFO", "GROUPS", self.key(shard))) for shard in SHARDS]
        dead = [command("XLEN", self.dead(shard)) for shard in SHARDS]
        replies = await self._bus.execute_all([*groups, *dead])
        ours = [self._ours(reply) for reply in replies[: len(groups)]]
        lags = [int(one["lag"]) if one.get("lag", "None") != "None" else None for one in ours]
        lag = None if None in lags else sum(lag for lag in lags if lag is not None)
        pending = sum(int(one.get("pending", 0)) for one in ours)
        return lag, pending, sum(reply for reply in replies[len(groups) :] if isinstance(reply, int))

    def _ours(self, groups: Reply) -> dict[str, str]:
        found = [pairs(group) for group in groups] if isinstance(groups, list) else []
        return next((group for group in found if group.get("name") == self.name), {})


def millis(seconds: float) -> int:
    return max(0, round(seconds * 1_000))


def _rows(reply: Reply) -> list[tuple[str, dict[str, str]]]:
    """Reads `[[id, [name, value, …]], …]`. A deleted entry has no fields and is omitted."""
    rows = reply if isinstance(reply, list) else []
    found = []
    for row in rows:
        match row:
            case [str(id_), list(fields)]:
                found.append((id_, pairs(fields)))
    return found


def _pending(reply: Reply) -> list[tuple[str, int]]:
    """Reads `[[id, worker, idle, attempts], …]`."""
    rows = reply if isinstance(reply, list) else []
    found = []
    for row in rows:
        match row:
            case [str(id_), _, _, int(tries)]:
                found.append((id_, tries))
    return found


def _by_shard(positions: Iterable[EntryPosition]) -> dict[int, list[str]]:
    sorted_: dict[int, list[str]] = {}
    for shard, id_ in positions:
        sorted_.setdefault(shard, []).append(id_)
    return sorted_
