"""The stream of receipts: what becomes of every watched event, for whoever publishes too many to wait for each."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .._io.seam import Io
from .._protocol.channel import check
from .._protocol.receipt import State
from .._publishing.failure import Failure
from .._publishing.retry import Backoff, until
from .._publishing.stamp import new_id
from .._redis.bus import RedisBus
from .._redis.streams import Entry, EntryPlace, Group, Kind, Streams
from .._redis.verdicts import has_code

log = logging.getLogger("wirebell")

_LOOK_EVERY = 0.1
"""How often the streams are looked at while nothing comes."""
_MOST_AT_ONCE = 100
"""Entries of one shard that are taken at once."""
_GONE_AFTER = 60.0
"""A reader that has been silent for so long is gone."""


@dataclass(frozen=True, slots=True)
class Told:
    """What has become of an event on one channel: acknowledged, fallen back, expired or cancelled."""

    id: str
    """The event's id."""
    channel: str
    outcome: State
    at: int
    """When, in milliseconds since the Unix epoch, by the bus' clock."""

    @classmethod
    def read(cls, fields: dict[str, str]) -> Told | None:
        """Reads an entry; none if it is not one that a node writes."""
        try:
            return cls(fields["id"], check(fields["channel"]), State(fields["outcome"]), int(fields["at"]))
        except (KeyError, ValueError):
            return None


Wanted = Callable[[Told], bool]


class Reader:
    """One reader of the stream, alone or one of a group."""

    def __init__(self, bus: RedisBus, io: Io, timeout: float, group: str | None, only: Wanted | None) -> None:
        self._io = io
        self._timeout = timeout
        self._streams = Streams(bus, Kind.RECEIPTS)
        self._group = None if group is None else Group(bus, Kind.RECEIPTS, group, new_id())
        self._wanted = only
        self._ends: list[str] | None = None
        self._is_open = False
        self._waiting: deque[tuple[EntryPlace, Told]] = deque()
        # Handed to the caller, who comes back for the next once done with it.
        self._handed_out: list[EntryPlace] = []
        self._closed = False
        self._woken = io.signal()

    async def next(self, timeout: float | None = None) -> Told | None:
        """The next receipt; none once the reader is closed, or after so many seconds.

        Coming back for the next one says that the last one has been attended to.
        """
        end = float("inf") if timeout is None else self._io.now() + timeout
        backoff = Backoff(2.0)
        while not self._closed:
            if self._waiting:
                place, told = self._waiting.popleft()
                self._handed_out.append(place)
                return told
            seen = self._woken.count
            pause = 0.0
            try:
                if not await self._refill():
                    pause = _LOOK_EVERY
            except Failure as failure:
                log.debug("receipts cannot be read, and it is tried again: %s", failure.error)
                pause = backoff.wait(failure.come_back_after)
            if not self._waiting and (left := end - self._io.now()) <= pause:
                await self._woken.since(seen, max(0.0, left))
                return None
            if pause:
                await self._woken.since(seen, pause)
        return None

    async def commit(self) -> None:
        """Says that everything handed out so far has been attended to."""
        await until(self._io, self._timeout, self._settle)

    def shut(self) -> None:
        """Whoever waits for the next one is told that there is none."""
        self._closed = True
        self._woken.give()

    async def _settle(self) -> None:
        if self._group is not None and self._handed_out:
            await self._group.done(self._handed_out)
        self._handed_out.clear()

    async def _refill(self) -> bool:
        """Was anything found?"""
        await self._settle()
        entries = await (self._read_on() if self._group is None else self._read_shared(self._group))
        for entry in entries:
            told = Told.read(entry.fields)
            if told is not None and (self._wanted is None or self._wanted(told)):
                self._waiting.append((entry.place, told))
            else:
                self._handed_out.append(entry.place)
        return bool(entries)

    async def _read_on(self) -> list[Entry]:
        if self._ends is None:
            self._ends = await self._streams.ends()
            return []
        entries = await self._streams.behind(self._ends, _MOST_AT_ONCE)
        for entry in entries:
            shard, id_ = entry.place
            self._ends[shard] = id_
        return entries

    async def _read_shared(self, group: Group) -> list[Entry]:
        if not self._is_open:
            await group.open()
            self._is_open = True
        read = await group.read(_MOST_AT_ONCE)
        if read.failure is not None and has_code(read.failure, "NOGROUP"):
            # The streams are gone, as in a Redis that came back empty: the group is made again.
            self._is_open = False
        taken = read if read.entries or read.failure else await group.take_over(_GONE_AFTER, ())
        # A shard that is away keeps nobody from what the others have handed over.
        if not taken.entries and taken.failure is not None:
            raise taken.failure
        return taken.entries
