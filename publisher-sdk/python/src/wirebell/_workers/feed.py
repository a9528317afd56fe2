"""What fills a worker's desk. It outlives every outage.

It reads the stream as there is room, takes over from workers that are gone, gives signs of life for what is in hand,
and brings back what is to be tried again.
"""

from __future__ import annotations

import logging
from typing import Generic

from .._publishing.failure import Failure
from .._publishing.retry import Backoff
from .._redis.streams import Entry, Taken
from .._redis.verdicts import has_code
from .desk import Desk
from .job import J, R

log = logging.getLogger("wirebell")

_SOON = 0.005
"""After how long the stream is looked at again after something came. Each wait for nothing is twice the one before."""
_LONGEST_WAIT = 2.0
"""The longest wait after failures."""
_MOST_AT_ONCE = 32
"""Entries of one shard that are taken at once."""


class Feed(Generic[J, R]):
    """Fills the desk until that is closed, and gives signs of life for what is still in somebody's hand then."""

    def __init__(self, desk: Desk[J, R]) -> None:
        self._desk = desk
        self._is_open = False
        self._kept = desk.io.now()
        self._looked_for_the_gone: float | None = None
        # Something failed: Redis may have counted entries as this worker's whose answer never came.
        self._in_doubt = False
        self.ended = False

    def end(self) -> None:
        """It is enough."""
        self.ended = True
        self._desk.changed.give()

    async def run(self) -> None:
        """Runs until it is ended."""
        backoff = Backoff(_LONGEST_WAIT)
        is_outage = False
        wait = _SOON
        while not self.ended:
            seen = self._desk.changed.count
            try:
                found = await self._round()
                pause = wait = _SOON if found else min(2 * wait, self._desk.kind.look_every)
                if is_outage:
                    log.info(self._desk.kind.words.outage_over)
                is_outage = False
                backoff.reset()
            except Failure as failure:
                if not is_outage:
                    log.warning("%s: %s", self._desk.kind.words.outage, failure.error)
                is_outage = self._in_doubt = True
                pause = backoff.wait(failure.come_back_after)
            await self._pause(seen, pause)

    async def _pause(self, seen: int, seconds: float) -> None:
        """Waits, but no longer than until it is ended."""
        end = self._desk.io.now() + seconds
        while not self.ended and (left := end - self._desk.io.now()) > 0:
            await self._desk.changed.since(seen, left)
            seen = self._desk.changed.count

    async def _round(self) -> bool:
        """Was anything found?"""
        desk, group = self._desk, self._desk.group
        third = desk.settings.gone_after / 3
        if not self._is_open:
            await group.open()
            self._is_open = True
        if desk.io.now() - self._kept >= third:
            await group.keep(desk.in_hand())
            self._kept = desk.io.now()
        if desk.closed:
            return False
        await self._bring_back()
        room = desk.room()
        if room == 0:
            return False
        late = await self._find() or await self._take_over(third)
        # A shard that is away keeps nobody from what is in the others.
        if late is not None and late.elsewhere:
            raise late
        read = await group.read(min(-(-room // 8), _MOST_AT_ONCE))
        if read.failure is not None and has_code(read.failure, "NOGROUP"):
            # The streams are gone, as in a Redis that came back empty: the group is made again.
            self._is_open = False
        failed = await self._add(read) or late
        if failed is not None:
            raise failed
        return bool(read.entries)

    async def _find(self) -> Failure | None:
        """What Redis says is in this worker's hand, and is not."""
        if not self._in_doubt:
            return None
        found = await self._desk.group.mislaid(self._desk.in_hand())
        self._in_doubt = found.failure is not None
        return await self._add(found)

    async def _take_over(self, every: float) -> Failure | None:
        desk = self._desk
        if self._looked_for_the_gone is not None and desk.io.now() - self._looked_for_the_gone < every:
            return None
        taken = await desk.group.take_over(desk.settings.gone_after, desk.in_hand())
        if taken.failure is None:
            self._looked_for_the_gone = desk.io.now()
        desk.count(taken_over=len(taken.entries))
        return await self._add(taken)

    async def _add(self, taken: Taken) -> Failure | None:
        """Whatever failed, what is in hand already must not wait for that."""
        await self._sort_out(taken.entries)
        return taken.failure

    async def _sort_out(self, entries: list[Entry]) -> None:
        """What has been tried too often by workers that died over it is given up before another does."""
        desk, most = self._desk, self._desk.settings.tries
        unreadable = desk.take(entry for entry in entries if entry.tries <= most)
        hopeless = [entry for entry in entries if entry.tries > most]
        reasons = ((hopeless, "its workers died over it"), (unreadable, desk.kind.words.unreadable))
        for given_up, reason in reasons:
            for entry in given_up:
                log.error("%s: %s: %s", desk.kind.words.dead, entry.place[1], reason)
                afterwards = await desk.kind.bury(entry, desk.kind.read(entry), reason)
                desk.count(dead=1)
                if afterwards is not None:
                    await afterwards()

    async def _bring_back(self) -> None:
        due = self._desk.due()
        while due:
            again = due[0].tried(due[0].tries + 1)
            try:
                # That it is tried once more has to outlive this worker.
                await self._desk.group.set(again, 0.0, again.tries)
            except Failure:
                for entry in due:
                    self._desk.later(entry)
                raise
            self._desk.take([again])
            del due[0]
