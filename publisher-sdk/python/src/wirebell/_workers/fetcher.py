"""What fills a worker's desk. It outlives every outage.

It reads the stream as there is room, takes over from workers that are gone, gives signs of life for what is in hand,
and brings back what is to be tried again.
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
"""After how long the stream is looked at again after something came. Each wait for nothing is twice the one before."""
_LONGEST_WAIT = 2.0
"""The longest wait after failures."""
_MOST_AT_ONCE = 32
"""Entries of one shard that are taken at once."""


class Fetcher(Generic[J, R]):
    """Fills the desk until that is closed, and gives signs of life for what is still in somebody's hand then."""

    def __init__(self, queue: LeaseQueue[J, R]) -> None:
        self._queue = queue
        self._is_open = False
        self._renewed_at = queue.io.now()
        self._last_takeover: float | None = None
        # Something failed: Redis may have counted entries as this worker's whose answer never came.
        self._may_have_unaccounted = False
        self.ended = False

    def end(self) -> None:
        """It is enough."""
        self.ended = True
        self._queue.changed.notify()

    async def run(self) -> None:
        """Runs until it is ended."""
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
        """Waits, but no longer than until it is ended."""
        end = self._queue.io.now() + seconds
        while not self.ended and (left := end - self._queue.io.now()) > 0:
            await self._queue.changed.wait_since(seen, left)
            seen = self._queue.changed.count

    async def _poll_once(self) -> bool:
        """Was anything found?"""
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
        # A shard that is away keeps nobody from what is in the others.
        if late is not None and late.reroute:
            raise late
        read = await group.read(min(-(-capacity // 8), _MOST_AT_ONCE))
        if read.failure is not None and has_code(read.failure, "NOGROUP"):
            # The streams are gone, as in a Redis that came back empty: the group is made again.
            self._is_open = False
        failed = await self._add(read) or late
        if failed is not None:
            raise failed
        return bool(read.entries)

    async def _claim_unaccounted(self) -> Failure | None:
        """What Redis says is in this worker's hand, and is not."""
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
        """Whatever failed, what is in hand already must not wait for that."""
        await self._add_or_dead_letter(taken.entries)
        return taken.failure

    async def _add_or_dead_letter(self, entries: list[Entry]) -> None:
        """What has been tried too often by workers that died over it is given up before another does."""
        queue, most = self._queue, self._queue.settings.tries
        unreadable = queue.take(entry for entry in entries if entry.tries <= most)
        hopeless = [entry for entry in entries if entry.tries > most]
        reasons = ((hopeless, "its workers died over it"), (unreadable, queue.kind.messages.unreadable))
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
            again = due[0].tried(due[0].tries + 1)
            try:
                # That it is tried once more has to outlive this worker.
                await self._queue.group.set_attempt(again, 0.0, again.tries)
            except Failure:
                for entry in due:
                    self._queue.schedule_retry(entry)
                raise
            self._queue.take([again])
            del due[0]
