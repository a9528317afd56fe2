"""The desk: what a worker has in its hand: ready to be handed out, handed out, or waiting for another try."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Generic

from .._io.seam import Io, OutOfTime
from .._publishing.failure import Failure
from .._publishing.retry import until
from .._redis.streams import Entry, EntryPlace, Group
from .job import Held, J, JobKind, R

log = logging.getLogger("wirebell")

_MOST_IN_HAND = 1_000
"""Most entries in one worker's hand: where every try fails, nothing more is taken, and others may be luckier."""


@dataclass(frozen=True, slots=True)
class WorkerCounters:
    """What a worker has done since it was made."""

    handed_out: int = 0
    """Handed out, each try counted."""
    done: int = 0
    """Finished."""
    failed: int = 0
    """Tries that failed."""
    dead: int = 0
    """Given up: they are dead letters now."""
    taken_over: int = 0
    """Taken over from workers that were gone."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen."""

    tries: int
    first_wait: float
    longest_wait: float
    gone_after: float
    at_once: int
    timeout: float
    """For how long it is tried to tell Redis something."""


class Desk(Generic[J, R]):
    """What a worker has in its hand. It may be used from any thread."""

    def __init__(self, group: Group, kind: JobKind[J, R], settings: Settings, io: Io) -> None:
        self.group = group
        self.kind = kind
        self.settings = settings
        self.io = io
        self.closed = False
        self.counters = WorkerCounters()
        self.changed = io.signal()
        self._lock = threading.Lock()
        self._ready: deque[Held[J]] = deque()
        self._handed_out: set[EntryPlace] = set()
        # Whose turn it is just now: what has the same turn waits.
        self._turns: set[str | None] = set()
        self._later: list[tuple[float, Entry]] = []

    async def next(self, timeout: float | None = None) -> Held[J] | None:
        """Hands out what has been ready longest and may go; none once the desk is closed, or after so many seconds."""
        end = float("inf") if timeout is None else self.io.now() + timeout
        while True:
            seen = self.changed.count
            with self._lock:
                if self.closed:
                    return None
                held = next(filter(self._may_go, self._ready), None)
                if held is not None:
                    self._ready.remove(held)
                    self._handed_out.add(held.entry.place)
                    self._turns.add(self.kind.turn(held.job))
                    self.counters = replace(self.counters, handed_out=self.counters.handed_out + 1)
                    return held
            left = end - self.io.now()
            if left <= 0:
                return None
            await self.changed.since(seen, None if timeout is None else left)

    def take(self, entries: Iterable[Entry]) -> list[Entry]:
        """Takes entries from the stream, to be handed out; answers those that nobody can read."""
        unreadable = []
        with self._lock:
            for entry in entries:
                job = self.kind.read(entry)
                if job is None:
                    unreadable.append(entry)
                else:
                    self._ready.append(Held(entry, job))
        self.changed.give()
        return unreadable

    def room(self) -> int:
        """How many more entries may be taken."""
        with self._lock:
            in_hand = len(self._ready) + len(self._handed_out) + len(self._later)
            # No more is read ahead than is soon handed out: other workers are idle, maybe.
            ahead = 2 * self.settings.at_once - sum(map(self._may_go, self._ready))
            return 0 if self.closed else max(0, min(_MOST_IN_HAND - in_hand, ahead))

    def in_hand(self) -> set[EntryPlace]:
        """Everything in hand."""
        with self._lock:
            waiting = [held.entry.place for held in self._ready] + [entry.place for _, entry in self._later]
            return self._handed_out.union(waiting)

    def later(self, entry: Entry) -> None:
        """It is tried again, after a while that doubles with each try."""
        doubled = self.settings.first_wait * 2 ** min(entry.tries - 1, 16)
        wait = min(doubled, self.settings.longest_wait) * random.uniform(0.9, 1.1)
        with self._lock:
            self._later.append((self.io.now() + wait, entry))

    def due(self) -> list[Entry]:
        """Takes back what has waited long enough for another try."""
        now = self.io.now()
        with self._lock:
            due = [entry for at, entry in self._later if at <= now]
            self._later = [(at, entry) for at, entry in self._later if at > now]
        return due

    def let_go(self, held: Held[J]) -> None:
        """It is nobody's any more."""
        with self._lock:
            if held.entry.place in self._handed_out:
                self._handed_out.remove(held.entry.place)
                self._turns.discard(self.kind.turn(held.job))
        self.changed.give()

    def _may_go(self, held: Held[J]) -> bool:
        turn = self.kind.turn(held.job)
        return turn is None or turn not in self._turns

    def count(self, **more: int) -> None:
        with self._lock:
            added = {name: getattr(self.counters, name) + number for name, number in more.items()}
            self.counters = replace(self.counters, **added)

    async def done(self, held: Held[J], result: R) -> None:
        """It is done with. A failure means that Redis could not be told: it will be handed out once more."""
        try:
            afterwards = await until(self.io, self.settings.timeout, lambda: self.kind.done(held, result))
            self.count(done=1)
            if afterwards is not None:
                await afterwards()
        finally:
            self.let_go(held)

    async def failed(self, held: Held[J], reason: str) -> None:
        """It could not be done: it is tried again later, or becomes a dead letter if that was the last try."""
        self.count(failed=1)
        entry, job = held.entry, held.job
        try:
            if entry.tries < self.settings.tries:
                self.later(entry)
                return
            log.error("an event has become a dead letter after %d tries: %s", entry.tries, job.id)
            afterwards = await until(self.io, self.settings.timeout, lambda: self.kind.bury(entry, job, reason))
            self.count(dead=1)
            if afterwards is not None:
                await afterwards()
        finally:
            self.let_go(held)

    def shut(self) -> None:
        """Hands out nothing more."""
        with self._lock:
            self.closed = True
        self.changed.give()

    async def close(self, timeout: float) -> int:
        """Hands out nothing more, waits for what is handed out, and gives back the rest.

        Answers how many have not come to their end.
        """
        self.shut()
        await self._all_ended(timeout)
        with self._lock:
            ready, self._ready = self._ready, deque()
            later, self._later = self._later, []
        with suppress(OutOfTime, Failure):
            # Others will notice if it cannot be told.
            await self.io.within(self.settings.timeout, lambda: self._give_back(ready, later))
        with self._lock:
            return len(self._handed_out)

    async def _all_ended(self, timeout: float) -> None:
        end = self.io.now() + timeout
        while True:
            seen = self.changed.count
            left = end - self.io.now()
            with self._lock:
                if not self._handed_out or left <= 0:
                    return
            await self.changed.since(seen, left)

    async def _give_back(self, ready: Iterable[Held[J]], later: Iterable[tuple[float, Entry]]) -> None:
        for held in ready:
            # It was not tried, whatever the stream says.
            await self.group.set(held.entry, self.settings.gone_after, held.entry.tries - 1)
        for at, entry in later:
            so_far = self.settings.gone_after - max(0.0, at - self.io.now())
            await self.group.set(entry, so_far, entry.tries)
        await self.group.leave()
