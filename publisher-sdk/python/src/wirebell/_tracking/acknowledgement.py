"""Waiting for an acknowledgement."""

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
"""Between two looks, at least and at most."""
_MAX_POLL_WAIT = 25.0
"""Longest time that a node is asked to wait; it bounds how long a connection is held."""
_LAST_POLL_GRACE = 1.0
"""A look that begins in time may end so much later."""

_ENDS: tuple[tuple[State, type[NotAcknowledged]], ...] = (
    (State.FALLEN_BACK, FallenBack),
    (State.EXPIRED, Expired),
    (State.CANCELLED, WasCancelled),
)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A device has acknowledged an event."""

    id: str
    """The event's id."""
    channel: str
    """On which of its channels."""
    device: str
    """Which device, as its token names it; the connection's id where it names none."""
    connection: str
    """Over which connection."""
    at: int
    """When, in milliseconds since the Unix epoch, by the bus' clock."""


async def wait(io: Io, transport: Transport, event_id: str, channels: Sequence[str], timeout: float) -> Acknowledgement:
    """Waits for the first acknowledgement on any of the channels."""
    started = io.now()
    end = started + timeout
    while True:
        so_far: WirebellError = NotInTime(timeout)
        # One of several channels may be acknowledged long before the others are settled.
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
        # Those who began together do not ask together.
        await io.sleep(min(pause * random.uniform(0.9, 1.1), end - now))


async def _poll(
    transport: Transport, event_id: str, channels: Sequence[str], max_wait: float
) -> Acknowledgement | None:
    states = await transport.states(event_id, channels, max_wait)
    if not is_acknowledged(states):
        return None
    # The record's details are read once it has come to that: they may be many.
    return _first(event_id, channels, await transport.receipts(event_id))


def is_acknowledged(states: Sequence[State | None]) -> bool:
    """Has it been acknowledged on any channel? Raises the other end, once it has come to one on all of them."""
    if State.ACKNOWLEDGED in states:
        return True
    if any(state is not None and not state.is_final for state in states):
        return False
    raise next((end for state, end in _ENDS if state in states), NoRecord)()


def _first(event_id: str, channels: Sequence[str], receipts: Sequence[Receipt]) -> Acknowledgement | None:
    """The first acknowledgement that came in time."""
    found = [
        Acknowledgement(event_id, receipt.channel, device.device, device.connection, device.at)
        for receipt in receipts
        if receipt.state is State.ACKNOWLEDGED and receipt.channel in channels
        for device in receipt.acknowledged
    ]
    return min(found, key=lambda one: one.at, default=None)
