"""The stream of receipts: delivery updates of all tracked events.

It is for services that publish too many events to wait for each one.
"""

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
"""Seconds between two polls while nothing arrives."""
_MOST_AT_ONCE = 100
"""Most entries of one shard that one request takes."""
_GONE_AFTER = 60.0
"""Seconds of silence after which a reader counts as gone."""


@dataclass(frozen=True, slots=True)
class DeliveryUpdate:
    """A final state of an event on one channel: acknowledged, fallen back, expired or cancelled."""

    id: str
    """The event's id."""
    channel: str
    outcome: State
    at: int
    """Time of the change, in milliseconds since the Unix epoch, by the bus's clock."""

    @classmethod
    def read(cls, fields: dict[str, str]) -> DeliveryUpdate | None:
        """Reads a stream entry. Returns `None` if a node did not write it."""
        try:
            return cls(fields["id"], check(fields["channel"]), State(fields["outcome"]), int(fields["at"]))
        except (KeyError, ValueError):
            return None


ReceiptFilter = Callable[[DeliveryUpdate], bool]


class ReceiptReader:
    """A reader of the stream, alone or in a group."""

    def __init__(self, bus: RedisBus, io: Io, timeout: float, group: str | None, only: ReceiptFilter | None) -> None:
        self._io = io
        self._timeout = timeout
        self._streams = Streams(bus, StreamKind.RECEIPTS)
        self._group = None if group is None else Group(bus, StreamKind.RECEIPTS, group, new_id())
        self._filter = only
        self._ends: list[str] | None = None
        self._is_open = False
        self._waiting: deque[tuple[EntryPosition, DeliveryUpdate]] = deque()
        # Returned to the caller. The next call of `next` acknowledges them.
        self._handed_out: list[EntryPosition] = []
        self._closed = False
        self._changed = io.signal()

    async def next(self, timeout: float | None = None) -> DeliveryUpdate | None:
        """Returns the next update, or `None` once closed or after `timeout` seconds.

        Reading the next update acknowledges the previous one.
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
                log.debug("cannot read receipts; retrying: %s", failure.error)
                pause = backoff.wait(failure.retry_after)
            if not self._waiting and (left := end - self._io.now()) <= pause:
                await self._changed.wait_since(seen, max(0.0, left))
                return None
            if pause:
                await self._changed.wait_since(seen, pause)
        return None

    async def commit(self) -> None:
        """Acknowledges every update returned so far."""
        await until(self._io, self._timeout, self._acknowledge)

    def stop(self) -> None:
        """Ends the reader. A waiting `next` returns `None`."""
        self._closed = True
        self._changed.notify()

    async def _acknowledge(self) -> None:
        if self._group is not None and self._handed_out:
            await self._group.done(self._handed_out)
        self._handed_out.clear()

    async def _fetch(self) -> bool:
        """Fetches entries. Returns whether there were any."""
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
            # The streams are gone, as after a restart of Redis without its data: create the group again.
            self._is_open = False
        taken = read if read.entries or read.failure else await group.take_over(_GONE_AFTER, ())
        # An unreachable shard does not block entries of the other shards.
        if not taken.entries and taken.failure is not None:
            raise taken.failure
        return taken.entries
