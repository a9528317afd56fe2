"""Waits for an acknowledgement by polling the bus."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from .._io.failure import Failure, FailureKind
from .._io.interfaces import Io, OutOfTime
from .._protocol.receipt import Receipt, State
from .._transport.interface import Transport
from ..errors import (
    Expired,
    FallenBack,
    NoRecord,
    NotAcknowledged,
    NotInTime,
    TimedOut,
    WasCancelled,
    WirebellError,
)

_PAUSES = (0.01, 0.5)
"""The shortest and the longest pause between two polls."""
_MAX_POLL_WAIT = 25.0
"""The longest time that a node is asked to hold a request; it bounds how long a connection is used."""
_LAST_POLL_GRACE = 1.0
"""A poll that starts in time may end this much later."""

_ENDS: tuple[tuple[State, type[NotAcknowledged]], ...] = (
    (State.FALLEN_BACK, FallenBack),
    (State.EXPIRED, Expired),
    (State.CANCELLED, WasCancelled),
)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An acknowledgement of an event by a device."""

    id: str
    """The event's id."""
    channel: str
    """The channel on which it was acknowledged."""
    device: str
    """The device, as its token names it; the connection id if the token names none."""
    connection: str
    """The id of the connection."""
    at: int
    """Time of the acknowledgement, in milliseconds since the Unix epoch, by the bus's clock."""


async def wait(io: Io, transport: Transport, event_id: str, channels: Sequence[str], timeout: float) -> Acknowledgement:
    """Waits for the first acknowledgement on any of the channels."""
    started = io.now()
    end = started + timeout
    while True:
        so_far: WirebellError = NotInTime(timeout)
        # With several channels, one may be acknowledged long before the others are final.
        longest = _MAX_POLL_WAIT if len(channels) == 1 else 1.0
        max_wait = min(max(0.0, end - io.now()), longest)
        try:
            left = max(0.0, end - io.now()) + _LAST_POLL_GRACE
            found = await io.within(left, partial(_poll, transport, event_id, channels, max_wait))
            if found is not None:
                return found
        except OutOfTime:
            so_far = TimedOut(timeout)
        except Failure as failure:
            so_far = failure.error
            if failure.kind is not FailureKind.TEMPORARY:
                raise so_far from None
        now = io.now()
        if now >= end:
            raise so_far from None
        pause = min(max((now - started) / 8, _PAUSES[0]), _PAUSES[1])
        # Waiters that started together do not poll together.
        await io.sleep(min(pause * random.uniform(0.9, 1.1), end - now))


async def _poll(
    transport: Transport, event_id: str, channels: Sequence[str], max_wait: float
) -> Acknowledgement | None:
    states = await transport.states(event_id, channels, max_wait)
    if not is_acknowledged(states):
        return None
    # The receipts may be large, so they are read only when there is an acknowledgement.
    return _first(event_id, channels, await transport.receipts(event_id))


def is_acknowledged(states: Sequence[State | None]) -> bool:
    """Returns whether any channel is acknowledged. Raises if all channels are final without one."""
    if State.ACKNOWLEDGED in states:
        return True
    if any(state is not None and not state.is_final for state in states):
        return False
    raise next((end for state, end in _ENDS if state in states), NoRecord)()


def _first(event_id: str, channels: Sequence[str], receipts: Sequence[Receipt]) -> Acknowledgement | None:
    """Returns the first acknowledgement in time."""
    found = [
        Acknowledgement(event_id, receipt.channel, device.device, device.connection, device.at)
        for receipt in receipts
        if receipt.state is State.ACKNOWLEDGED and receipt.channel in channels
        for device in receipt.acknowledged
    ]
    return min(found, key=lambda one: one.at, default=None)
