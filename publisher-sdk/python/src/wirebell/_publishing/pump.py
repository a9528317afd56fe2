"""The worker of `enqueue`: publishes the buffered events in order, for as long as it takes."""

from __future__ import annotations

import logging

from .._io.failure import Failure
from .._io.interfaces import Io
from .._io.retry import Backoff
from .._transport.interface import CHUNK, PendingEvent, Transport
from ..errors import PublishError
from .buffer import Buffer
from .delivery import AttemptResult, attempt

log = logging.getLogger("wirebell")

LONGEST_WAIT = 2.0
"""The longest wait between attempts, in seconds. It bounds how late events flow again after an outage."""


async def pump(io: Io, transport: Transport, buffer: Buffer) -> None:
    """Runs until the buffer is closed and empty, or ended. Events left then are lost."""
    batch: list[PendingEvent] = []
    backoff = Backoff(LONGEST_WAIT)
    outage: Failure | None = None
    try:
        while not buffer.given_up:
            arrivals = buffer.arrived.count
            buffer.fill(batch, CHUNK)
            if not batch:
                if buffer.closed:
                    return
                await buffer.arrived.wait_since(arrivals, None)
                continue
            # Anything but a rejected event can be corrected while it waits, even a wrong password.
            done = await attempt(transport, batch)
            _report_refused(done)
            batch = done.remaining
            buffer.record_results(done.final, batch)
            outage = _report_outage(outage, done.failure, buffer)
            if outage is None:
                backoff.reset()
            else:
                await _pause(io, buffer, backoff.wait(outage.retry_after))
    finally:
        buffer.give_up()


async def _pause(io: Io, buffer: Buffer, seconds: float) -> None:
    """Waits; shorter once the publisher is being closed."""
    end = io.now() + seconds
    while not buffer.given_up and (remaining := end - io.now()) > 0:
        seen = buffer.arrived.count
        await buffer.arrived.wait_since(seen, min(remaining, 0.05) if buffer.closed else remaining)
        if buffer.closed:
            return


def _report_refused(done: AttemptResult) -> None:
    for pending, answer in done.final:
        if isinstance(answer, PublishError):
            log.error("an event was rejected and is not retried: %s: %s", pending.event.id, answer)


def _report_outage(before: Failure | None, now: Failure | None, buffer: Buffer) -> Failure | None:
    """Logs an outage once when it begins, and once when it ends."""
    if before is None and now is not None:
        log.warning("%s; retrying %d waiting events", now.error, buffer.counters.waiting)
    elif before is not None and now is None:
        log.info("events are published again")
    return now
