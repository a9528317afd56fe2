"""The queue of leased entries of one worker: ready, handed out, or waiting for a retry."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Generic

from .._io.failure import Failure
from .._io.interfaces import Io, OutOfTime
from .._io.retry import until
from .._redis.streams import Entry, EntryPosition, Group
from .job import InFlight, J, JobKind, R

log = logging.getLogger("wirebell")

_MAX_IN_FLIGHT = 1_000
"""Most entries in flight. If every attempt fails, the worker takes no more, and other workers may succeed."""


@dataclass(frozen=True, slots=True)
class WorkerCounters:
    """Counters of a worker since it was created."""

    handed_out: int = 0
    """Events handed out; every attempt counts."""
    done: int = 0
    """Finished events."""
    failed: int = 0
    """Failed attempts."""
    dead: int = 0
    """Events that became dead letters."""
    taken_over: int = 0
    """Events taken over from workers that were gone."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a worker."""

    tries: int
    first_wait: float
    longest_wait: float
    gone_after: float
    at_once: int
    timeout: float
    """Seconds for which reporting a result to Redis is retried."""


class LeaseQueue(Generic[J, R]):
    """The leased entries of a worker. Any thread may use it."""

    def __init__(self, group: Group, kind: JobKind[J, R], settings: Settings, io: Io) -> None:
        self.group = group
        self.kind = kind
        self.settings = settings
        self.io = io
        self.closed = False
        self.counters = WorkerCounters()
        self.changed = io.signal()
        self._lock = threading.Lock()
        self._ready: deque[InFlight[J]] = deque()
        self._handed_out: set[EntryPosition] = set()
        # Ordering keys of the jobs handed out. Other jobs with such a key wait.
        self._busy_keys: set[str | None] = set()
        self._retries: list[tuple[float, Entry]] = []

    async def next(self, timeout: float | None = None) -> InFlight[J] | None:
        """Hands out the oldest job that is free, or `None` once closed or after `timeout` seconds."""
        end = float("inf") if timeout is None else self.io.now() + timeout
        while True:
            seen = self.changed.count
            with self._lock:
                if self.closed:
                    return None
                in_flight = next(filter(self._is_free, self._ready), None)
                if in_flight is not None:
                    self._ready.remove(in_flight)
                    self._handed_out.add(in_flight.entry.position)
                    self._busy_keys.add(self.kind.ordering_key(in_flight.job))
                    self.counters = replace(self.counters, handed_out=self.counters.handed_out + 1)
                    return in_flight
            left = end - self.io.now()
            if left <= 0:
                return None
            await self.changed.wait_since(seen, None if timeout is None else left)

    def take(self, entries: Iterable[Entry]) -> list[Entry]:
        """Adds entries from the stream, and returns those that cannot be read."""
        unreadable = []
        with self._lock:
            for entry in entries:
                job = self.kind.read(entry)
                if job is None:
                    unreadable.append(entry)
                else:
                    self._ready.append(InFlight(entry, job))
        self.changed.notify()
        return unreadable

    def capacity(self) -> int:
        """Returns how many more entries may be fetched."""
        with self._lock:
            positions = len(self._ready) + len(self._handed_out) + len(self._retries)
            # Read only a little ahead: other workers may be idle.
            ahead = 2 * self.settings.at_once - sum(map(self._is_free, self._ready))
            return 0 if self.closed else max(0, min(_MAX_IN_FLIGHT - positions, ahead))

    def positions(self) -> set[EntryPosition]:
        """Returns the positions of all leased entries."""
        with self._lock:
            waiting = [in_flight.entry.position for in_flight in self._ready] + [
                entry.position for _, entry in self._retries
            ]
            return self._handed_out.union(waiting)

    def schedule_retry(self, entry: Entry) -> None:
        """Schedules a retry. The wait doubles with every attempt."""
        doubled = self.settings.first_wait * 2 ** min(entry.tries - 1, 16)
        wait = min(doubled, self.settings.longest_wait) * random.uniform(0.9, 1.1)
        with self._lock:
            self._retries.append((self.io.now() + wait, entry))

    def due_retries(self) -> list[Entry]:
        """Removes and returns the retries that are due."""
        now = self.io.now()
        with self._lock:
            due = [entry for at, entry in self._retries if at <= now]
            self._retries = [(at, entry) for at, entry in self._retries if at > now]
        return due

    def release(self, in_flight: InFlight[J]) -> None:
        """Removes the entry from those handed out."""
        with self._lock:
            if in_flight.entry.position in self._handed_out:
                self._handed_out.remove(in_flight.entry.position)
                self._busy_keys.discard(self.kind.ordering_key(in_flight.job))
        self.changed.notify()

    def _is_free(self, in_flight: InFlight[J]) -> bool:
        key = self.kind.ordering_key(in_flight.job)
        return key is None or key not in self._busy_keys

    def count(self, **more: int) -> None:
        with self._lock:
            added = {name: getattr(self.counters, name) + number for name, number in more.items()}
            self.counters = replace(self.counters, **added)

    async def done(self, in_flight: InFlight[J], result: R) -> None:
        """Finishes a job. On a failure Redis does not have the result, and the job is delivered again."""
        try:
            follow_up = await until(self.io, self.settings.timeout, lambda: self.kind.done(in_flight, result))
            self.count(done=1)
            if follow_up is not None:
                await follow_up()
        finally:
            self.release(in_flight)

    async def failed(self, in_flight: InFlight[J], reason: str) -> None:
        """Reports a failed attempt. The job is retried later; after the last attempt it becomes a dead letter."""
        self.count(failed=1)
        entry, job = in_flight.entry, in_flight.job
        try:
            if entry.tries < self.settings.tries:
                self.schedule_retry(entry)
                return
            log.error("an event became a dead letter after %d attempts: %s", entry.tries, job.id)
            follow_up = await until(self.io, self.settings.timeout, lambda: self.kind.dead_letter(entry, job, reason))
            self.count(dead=1)
            if follow_up is not None:
                await follow_up()
        finally:
            self.release(in_flight)

    def stop(self) -> None:
        """Stops handing out jobs."""
        with self._lock:
            self.closed = True
        self.changed.notify()

    async def close(self, timeout: float) -> int:
        """Stops, waits for the jobs handed out, and returns the other entries to the group.

        Returns how many jobs have not finished.
        """
        self.stop()
        await self._wait_for_handed_out(timeout)
        with self._lock:
            ready, self._ready = self._ready, deque()
            retries, self._retries = self._retries, []
        with suppress(OutOfTime, Failure):
            # If Redis cannot be reached, other workers take the entries over later.
            await self.io.within(self.settings.timeout, lambda: self._give_back(ready, retries))
        with self._lock:
            return len(self._handed_out)

    async def _wait_for_handed_out(self, timeout: float) -> None:
        end = self.io.now() + timeout
        while True:
            seen = self.changed.count
            left = end - self.io.now()
            with self._lock:
                if not self._handed_out or left <= 0:
                    return
            await self.changed.wait_since(seen, left)

    async def _give_back(self, ready: Iterable[InFlight[J]], retries: Iterable[tuple[float, Entry]]) -> None:
        for in_flight in ready:
            # The stream counts a delivery, but no attempt was made.
            await self.group.set_attempt(in_flight.entry, self.settings.gone_after, in_flight.entry.tries - 1)
        for at, entry in retries:
            so_far = self.settings.gone_after - max(0.0, at - self.io.now())
            await self.group.set_attempt(entry, so_far, entry.tries)
        await self.group.leave()
