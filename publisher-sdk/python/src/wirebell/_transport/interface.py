"""The transports: one seam, one folder for each bus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .._io.failure import Failure
from .._io.interfaces import Timeouts
from .._protocol.event import Event
from .._protocol.keys import Keys
from .._protocol.publish_result import PublishResult
from .._protocol.receipt import Receipt, State
from .._protocol.retention import Retentions
from .._protocol.text_enum import TextEnum

CHUNK = 256
"""Most events in one attempt.

The number hides the round trip to the bus, and bounds what a lost connection leaves in doubt.
"""


class Cancellation(TextEnum):
    """What came of cancelling an event."""

    CANCELLED = "cancelled"
    """It will not be published; also if it was cancelled before."""
    PUBLISHED = "published"
    """It was published already, at least on one of its channels: there, it is too late."""
    UNKNOWN = "unknown"
    """The bus knows no such event."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a transport has to know beside the URL."""

    keys: Keys
    retentions: Retentions
    timeouts: Timeouts


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """A stamped event that has no answer yet."""

    slot: int
    """Its number among its kind, to give the answer to."""
    size: int
    """What it weighs in a buffer."""
    event: Event


class Transport(Protocol):
    """Where events go."""

    async def open(self) -> None:
        """Reaches for the bus once, where there is a connection to keep."""

    async def send(self, events: Sequence[PendingEvent]) -> list[PublishResult | Failure]:
        """One try: sends the events in their order, and answers for each.

        After a failure that concerns more than one event, those behind it are not sent and share it, so that none
        overtakes.
        """

    async def states(self, event_id: str, channels: Sequence[str], max_wait: float) -> list[State | None]:
        """Where the event stands on each of these channels; none where there is no record.

        Over HTTP the answer may come as late as `patience` where nothing is settled yet; over Redis at once.
        """

    async def receipts(self, event_id: str) -> list[Receipt]:
        """What became of the event on each of its channels that has a record."""

    async def cancel(self, event_id: str) -> Cancellation:
        """Cancels a scheduled event."""

    async def close(self) -> None:
        """Closes the connections."""
