"""The stream of receipts: what becomes of every watched event, for whoever publishes too many to wait for each."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .._io.failure import Failure
from .._io.interfaces import Io
from .._io.retry import Backoff, until
from .._protocol.channel import check
from .._protocol.receipt import State
from .._redis.bus import RedisBus
from .._redis.failures import has_code
from .._redis.streams import Entry, EntryPosition, Group, StreamKind, Streams
from .._transport.stamp import new_id

log = logging.getLogger("wirebell")

_LOOK_EVERY = 0.1
"""How often the streams are looked at while nothing comes."""
_MOST_AT_ONCE = 100
"""Entries of one shard that are taken at once."""
_GONE_AFTER = 60.0
"""A reader that has been silent for so long is gone."""


@dataclass(frozen=True, slots=True)
class DeliveryUpdate:
    """What has become of an event on one channel: acknowledged, fallen back, expired or cancelled."""

    id: str
    """The event's id."""
    channel: str
    outcome: State
    at: int
    """When, in milliseconds since the Unix epoch, by the bus' clock."""

    @classmethod
    def read(cls, fields: dict[str, str]) -> DeliveryUpdate | None:
        """Reads an entry; none if it is not one that a node writes."""
        try:
            return cls(fields["id"], check(fields["channel"]), State(fields["outcome"]), int(fields["at"]))
        except (KeyError, ValueError):
            return None


ReceiptFilter = Callable[[DeliveryUpdate], bool]


class ReceiptReader:
    """One reader of the stream, alone or one of a group."""

    def __init__(self, bus: RedisBus, io: Io, timeout: float, group: str | None, only: ReceiptFilter | None) -> None:
        self._io = io
        self._timeout = timeout
        self._streams = Streams(bus, StreamKind.RECEIPTS)
        self._group = None if group is None else Group(bus, StreamKind.RECEIPTS, group, new_id())
        self._filter = only
        self._ends: list[str] | None = None
        self._is_open = False
        self._waiting: deque[tuple[EntryPosition, DeliveryUpdate]] = deque()
        # Handed to the caller, who comes back for the next once done with it.
        self._handed_out: list[EntryPosition] = []
        self._closed = False
        self._changed = io.signal()

    async def next(self, timeout: float | None = None) -> DeliveryUpdate | None:
        """The next receipt; none once the reader is closed, or after so many seconds.

        Coming back for the next one says that the last one has been attended to.
        """
        end = float("inf") if timeout is None else self._io.now() + timeout
        backoff = Backoff(2.0)
        while not self._closed:
            if self._waiting:
                position, update = self._waiting.popleft()
                self._handed_out.append(position)
                return update
            seen = self._changed.count
            pause = 0.0
            try:
                if not await self._fetch():
                    pause = _LOOK_EVERY
            except Failure as failure:
                log.debug("receipts cannot be read, and it is tried again: %s", failure.error)
                pause = backoff.wait(failure.retry_after)
            if not self._waiting and (left := end - self._io.now()) <= pause:
                await self._changed.wait_since(seen, max(0.0, left))
                return None
            if pause:
                await self._changed.wait_since(seen, pause)
        return None

    async def commit(self) -> None:
        """Says that everything handed out so far has been attended to."""
        await until(self._io, self._timeout, self._acknowledge)

    def stop(self) -> None:
        """Whoever waits for the next one is told that there is none."""
        self._closed = True
        self._changed.notify()

    async def _acknowledge(self) -> None:
        if self._group is not None and self._handed_out:
            await self._group.done(self._handed_out)
        self._handed_out.clear()

    async def _fetch(self) -> bool:
        """Was anything found?"""
        await self._acknowledge()
        entries = await (self._read_alone() if self._group is None else self._read_shared(self._group))
        for entry in entries:
            update = DeliveryUpdate.read(entry.fields)
            if update is not None and (self._filter is None or self._filter(update)):
                self._waiting.append((entry.position, update))
            else:
                self._handed_out.append(entry.position)
        return bool(entries)

    async def _read_alone(self) -> list[Entry]:
        if self._ends is None:
            self._ends = await self._streams.ends()
            return []
        entries = await self._streams.after(self._ends, _MOST_AT_ONCE)
        for entry in entries:
            shard, id_ = entry.position
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
