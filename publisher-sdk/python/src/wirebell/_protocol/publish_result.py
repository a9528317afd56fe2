"""Outcomes: what the publisher is told once the bus has its event."""

from __future__ import annotations

from dataclasses import dataclass

from .cursor import Cursor


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """What happened on one channel."""

    channel: str
    cursor: Cursor | None
    """Where the event stands in the channel's log; none for what is not stored."""
    nodes: int
    """How many nodes listened at that moment: 0 means that nobody is connected."""
    scheduled: bool = False
    """It is kept until its `deliver_at`."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What became of one event."""

    id: str
    """The event's id, given by the publisher or made for it."""
    channels: tuple[ChannelResult, ...]
    """One entry a channel, in the order of `to`."""

    @property
    def cursor(self) -> Cursor | None:
        """The cursor, where the event went to one channel and is durable."""
        return self.channels[0].cursor if len(self.channels) == 1 else None

    @property
    def nodes(self) -> int:
        """How many nodes listened, summed over the channels."""
        return sum(reached.nodes for reached in self.channels)

    @property
    def scheduled(self) -> bool:
        """Is it kept until its `deliver_at`, at least on one of its channels?"""
        return any(reached.scheduled for reached in self.channels)
