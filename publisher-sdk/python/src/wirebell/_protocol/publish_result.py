"""Publish results."""

from __future__ import annotations

from dataclasses import dataclass

from .cursor import Cursor


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """The result on one channel."""

    channel: str
    cursor: Cursor | None
    """The position in the channel's log; `None` if the event is not stored."""
    nodes: int
    """Nodes that were subscribed at that moment. 0 means that no client is connected."""
    scheduled: bool = False
    """Whether the event is stored until its `deliver_at`."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The result of publishing one event."""

    id: str
    """The event's id, given by the caller or generated."""
    channels: tuple[ChannelResult, ...]
    """One result for each channel, in the order of `to`."""

    @property
    def cursor(self) -> Cursor | None:
        """The cursor, if the event went to one channel and is durable."""
        return self.channels[0].cursor if len(self.channels) == 1 else None

    @property
    def nodes(self) -> int:
        """The number of subscribed nodes, summed over the channels."""
        return sum(reached.nodes for reached in self.channels)

    @property
    def scheduled(self) -> bool:
        """Whether the event is stored until its `deliver_at` on at least one channel."""
        return any(reached.scheduled for reached in self.channels)
