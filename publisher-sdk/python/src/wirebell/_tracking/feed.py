"""What fills a worker's desk. It outlives every outage.

It reads the stream as there is room, takes over from workers that are gone, gives signs of life for what is in hand,
and brings back what is to be tried again.
"""

from __future__ import annotations

import logging

from .._publishing.failure import Failure
from .._publishing.retry import Backoff
from .._redis.streams import Entry
from .._redis.verdicts import has_code
from .desk import Desk

log = logging.getLogger("wirebell")

_LOOK_EVERY = 0.15
"""How often the stream is looked at while nothing comes."""
_SOON = 0.005
"""How often it is while something does."""
_LONGEST_WAIT = 2.0
"""The longest wait after failures."""
_MOST_AT_ONCE = 32
"""Entries of one shard that are taken at once."""


class Feed:
    """Fills the desk until that is closed, and gives signs of life for what is still in somebody's hand then."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._is_open = False
        self._kept = desk.io.now()
        self._looked_for_the_gone: float | None = None
        self.ended = False

    def end(self) -> None:
        """It is enough."""
        self.ended = True
        self._desk.changed.give()

    async def run(self) -> None:
        """Runs until it is ended."""
        backoff = Backoff(_LONGEST_WAIT)
        is_outage = False
        while not self.ended:
            seen = self._desk.changed.count
            try:
                pause = _SOON if await self._round() else _LOOK_EVERY
                if is_outage:
                    log.info("fallbacks are read again")
                is_outage = False
                backoff.reset()
            except Failure as failure:
                if not is_outage:
                    log.warning("fallbacks cannot be read, and it is tried again: %s", failure.error)
                is_outage = True
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
        if self._looked_for_the_gone is None or desk.io.now() - self._looked_for_the_gone >= third:
            taken = await group.take_over(desk.settings.gone_after, desk.in_hand())
            self._looked_for_the_gone = desk.io.now()
            desk.count(taken_over=len(taken))
            await self._sort_out(taken)
        try:
            new = await group.read(min(-(-room // 8), _MOST_AT_ONCE))
        except Failure as failure:
            # The streams are gone, as in a Redis that came back empty: the group is made again.
            self._is_open = not has_code(failure, "NOGROUP")
            raise
        await self._sort_out(new)
        return bool(new)

    async def _sort_out(self, entries: list[Entry]) -> None:
        """What has been tried too often by workers that died over it is given up before another does."""
        most = self._desk.settings.tries
        unreadable = self._desk.take(entry for entry in entries if entry.tries <= most)
        hopeless = [entry for entry in entries if entry.tries > most]
        for given_up, reason in (
            (hopeless, "its workers died over it"),
            (unreadable, "it is not an event that has fallen back"),
        ):
            for entry in given_up:
                log.error("a fallback has become a dead letter: %s: %s", entry.place[1], reason)
                await self._desk.group.bury(entry, reason)
                self._desk.count(dead=1)

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
