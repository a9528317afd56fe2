"""The interface of transports, and its types."""

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
    """The result of cancelling an event."""

    CANCELLED = "cancelled"
    """The event will not be published. Also the result of cancelling it again."""
    PUBLISHED = "published"
    """The event was already published on at least one of its channels."""
    UNKNOWN = "unknown"
    """The bus does not know the event."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a transport beside the URL."""

    keys: Keys
    retentions: Retentions
    timeouts: Timeouts


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """A stamped event without a result."""

    slot: int
    """The number of the event, which its result refers to."""
    size: int
    """Its size in the buffer, in bytes."""
    event: Event


class Transport(Protocol):
    """A connection to a bus."""

    async def open(self) -> None:
        """Connects once, if the transport keeps connections."""

    async def send(self, events: Sequence[PendingEvent]) -> list[PublishResult | Failure]:
        """Sends the events once, in their order, and returns one result each.

        After a failure that concerns more than one event, the later events are not sent and get the same
        failure, so that no event overtakes another.
        """

    async def states(self, event_id: str, channels: Sequence[str], max_wait: float) -> list[State | None]:
        """Returns the event's state on each of these channels; `None` without a delivery record.

        Over HTTP the response may take up to `max_wait` seconds while no state is final; over Redis it is immediate.
        """

    async def receipts(self, event_id: str) -> list[Receipt]:
        """Returns a receipt for each channel with a delivery record."""

    async def cancel(self, event_id: str) -> Cancellation:
        """Cancels a scheduled event."""

    async def close(self) -> None:
        """Closes the connections."""
