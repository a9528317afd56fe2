"""The fetcher of a worker: fills its lease queue from the stream, and survives outages of Redis.

It reads new entries while there is capacity, takes over entries of dead workers, renews leases, and
brings due retries back into the queue.
"""

from __future__ import annotations

import logging
from typing import Generic

from .._io.failure import Failure
from .._io.retry import Backoff
from .._redis.failures import has_code
from .._redis.streams import ClaimedEntries, Entry
from .job import J, R
from .lease_queue import LeaseQueue

log = logging.getLogger("wirebell")

_SOON = 0.005
"""Seconds until the next poll after something was found. Every empty poll doubles the wait."""
_LONGEST_WAIT = 2.0
"""The longest wait after failures."""
_MOST_AT_ONCE = 32
"""Most entries of one shard that one request takes."""


class Fetcher(Generic[J, R]):
    """Fills the lease queue until it is closed, and then renews the leases of the jobs still in flight."""

    def __init__(self, queue: LeaseQueue[J, R]) -> None:
        self._queue = queue
        self._is_open = False
        self._renewed_at = queue.io.now()
        self._last_takeover: float | None = None
        # After a failure Redis may have assigned entries to this worker whose reply was lost.
        self._may_have_unaccounted = False
        self.ended = False

    def end(self) -> None:
        """Stops the fetcher."""
        self.ended = True
        self._queue.changed.notify()

    async def run(self) -> None:
        """Runs until `end` is called."""
        backoff = Backoff(_LONGEST_WAIT)
        is_outage = False
        wait = _SOON
        while not self.ended:
            seen = self._queue.changed.count
            try:
                found = await self._poll_once()
                pause = wait = _SOON if found else min(2 * wait, self._queue.kind.poll_interval)
                if is_outage:
                    log.info(self._queue.kind.messages.outage_over)
                is_outage = False
                backoff.reset()
            except Failure as failure:
                if not is_outage:
                    log.warning("%s: %s", self._queue.kind.messages.outage, failure.error)
                is_outage = self._may_have_unaccounted = True
                pause = backoff.wait(failure.retry_after)
            await self._pause(seen, pause)

    async def _pause(self, seen: int, seconds: float) -> None:
        """Waits, but not beyond `end`."""
        end = self._queue.io.now() + seconds
        while not self.ended and (left := end - self._queue.io.now()) > 0:
            await self._queue.changed.wait_since(seen, left)
            seen = self._queue.changed.count

    async def _poll_once(self) -> bool:
        """Polls once. Returns whether anything was found."""
        queue, group = self._queue, self._queue.group
        third = queue.settings.gone_after / 3
        if not self._is_open:
            await group.open()
            self._is_open = True
        if queue.io.now() - self._renewed_at >= third:
            await group.renew(queue.positions())
            self._renewed_at = queue.io.now()
        if queue.closed:
            return False
        await self._requeue_retries()
        capacity = queue.capacity()
        if capacity == 0:
            return False
        late = await self._claim_unaccounted() or await self._take_over(third)
        # An unreachable shard does not block entries of the other shards.
        if late is not None and late.reroute:
            raise late
        read = await group.read(min(-(-capacity // 8), _MOST_AT_ONCE))
        if read.failure is not None and has_code(read.failure, "NOGROUP"):
            # The streams are gone, as after a restart of Redis without its data: create the group again.
            self._is_open = False
        failed = await self._add(read) or late
        if failed is not None:
            raise failed
        return bool(read.entries)

    async def _claim_unaccounted(self) -> Failure | None:
        """Claims entries that Redis assigns to this worker but that it does not have."""
        if not self._may_have_unaccounted:
            return None
        found = await self._queue.group.claim_unaccounted(self._queue.positions())
        self._may_have_unaccounted = found.failure is not None
        return await self._add(found)

    async def _take_over(self, every: float) -> Failure | None:
        queue = self._queue
        if self._last_takeover is not None and queue.io.now() - self._last_takeover < every:
            return None
        taken = await queue.group.take_over(queue.settings.gone_after, queue.positions())
        if taken.failure is None:
            self._last_takeover = queue.io.now()
        queue.count(taken_over=len(taken.entries))
        return await self._add(taken)

    async def _add(self, taken: ClaimedEntries) -> Failure | None:
        """Adds the claimed entries, even if a shard failed, and returns the failure."""
        await self._add_or_dead_letter(taken.entries)
        return taken.failure

    async def _add_or_dead_letter(self, entries: list[Entry]) -> None:
        """Adds entries to the queue. Unreadable ones, and those with too many attempts, become dead letters."""
        queue, most = self._queue, self._queue.settings.tries
        unreadable = queue.take(entry for entry in entries if entry.tries <= most)
        hopeless = [entry for entry in entries if entry.tries > most]
        reasons = ((hopeless, "its workers died while handling it"), (unreadable, queue.kind.messages.unreadable))
        for given_up, reason in reasons:
            for entry in given_up:
                log.error("%s: %s: %s", queue.kind.messages.dead, entry.position[1], reason)
                follow_up = await queue.kind.dead_letter(entry, queue.kind.read(entry), reason)
                queue.count(dead=1)
                if follow_up is not None:
                    await follow_up()

    async def _requeue_retries(self) -> None:
        due = self._queue.due_retries()
        while due:
            again = due[0].with_attempts(due[0].tries + 1)
            try:
                # The number of attempts must survive a crash of this worker.
                await self._queue.group.set_attempt(again, 0.0, again.tries)
            except Failure:
                for entry in due:
                    self._queue.schedule_retry(entry)
                raise
            self._queue.take([again])
            del due[0]
