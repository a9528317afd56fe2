"""The worker behind `enqueue`: publishes what waits in the buffer, in its order, for as long as it takes."""

from __future__ import annotations

import logging

from .._io.seam import Io
from ..errors import PublishError
from .buffer import Buffer
from .delivery import CHUNK, Round, attempt
from .failure import Failure
from .retry import Backoff
from .transport import Transport, Waiting

log = logging.getLogger("wirebell")

LONGEST_WAIT = 2.0
"""So long after the bus is back, at the latest, events flow again."""


async def pump(io: Io, transport: Transport, buffer: Buffer) -> None:
    """Runs until the buffer is closed and empty, or given up. An ended worker loses what waits."""
    hand: list[Waiting] = []
    backoff = Backoff(LONGEST_WAIT)
    outage: Failure | None = None
    try:
        while not buffer.given_up:
            arrivals = buffer.arrived.count
            buffer.fill(hand, CHUNK)
            if not hand:
                if buffer.closed:
                    return
                await buffer.arrived.since(arrivals, None)
                continue
            # What is not the event's own fault may be mended while it waits, also a wrong password.
            done = await attempt(transport, hand)
            _report_refused(done)
            hand = done.left
            buffer.settle(done.settled, hand)
            outage = _report_outage(outage, done.kept, buffer)
            if outage is None:
                backoff.reset()
            else:
                await _pause(io, buffer, backoff.wait(outage.come_back_after))
    finally:
        buffer.give_up()


async def _pause(io: Io, buffer: Buffer, seconds: float) -> None:
    """Waits; whoever closes the publisher does not wait as long."""
    end = io.now() + seconds
    while not buffer.given_up and (left := end - io.now()) > 0:
        seen = buffer.arrived.count
        await buffer.arrived.since(seen, min(left, 0.05) if buffer.closed else left)
        if buffer.closed:
            return


def _report_refused(done: Round) -> None:
    for waiting, answer in done.settled:
        if isinstance(answer, PublishError):
            log.error("an event was refused for good: %s: %s", waiting.event.id, answer)


def _report_outage(before: Failure | None, now: Failure | None, buffer: Buffer) -> Failure | None:
    """Once when it begins and once when it is over."""
    if before is None and now is not None:
        log.warning("%s; %d events wait and are tried again", now.error, buffer.counters.waiting)
    elif before is not None and now is None:
        log.info("events are published again")
    return now
