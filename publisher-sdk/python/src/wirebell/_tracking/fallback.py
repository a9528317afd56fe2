"""An event that nobody has acknowledged in time, as a worker's job."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .._protocol.channel import check
from .._redis.streams import Entry, Group
from .._workers.job import InFlight, JobKind, Messages


@dataclass(frozen=True, slots=True)
class Fallback:
    """An event that no device has acknowledged by its deadline."""

    id: str
    """The event's id: the same however often it is handed out."""
    channel: str
    """On which channel nobody has acknowledged it."""
    at: int
    """When it fell back, in milliseconds since the Unix epoch, by the bus' clock."""
    event: str
    """The event as clients get it, in JSON."""
    tries: int
    """Which try this is, from 1."""

    @property
    def data(self) -> Any:
        """The event's `data`."""
        return json.loads(self.event)["data"]

    @property
    def type(self) -> str:
        """The event's type."""
        return str(json.loads(self.event)["type"])

    @classmethod
    def read(cls, entry: Entry) -> Fallback | None:
        """Reads an entry of the stream; none if it is not one that a node writes."""
        fields = entry.fields
        try:
            channel, at = check(fields["channel"]), int(fields["at"])
            return cls(fields["id"], channel, at, fields["event"], entry.tries)
        except (KeyError, ValueError):
            return None


class FallbackJobs(JobKind[Fallback, None]):
    """What has fallen back."""

    poll_interval = 0.15
    messages = Messages(
        noun="fallback",
        outage="fallbacks cannot be read, and it is tried again",
        outage_over="fallbacks are read again",
        failed="taking over an event failed",
        dead="a fallback has become a dead letter",
        unreadable="it is not an event that has fallen back",
        untold="nobody was told how taking over an event ended, it will be tried again",
    )

    def __init__(self, group: Group) -> None:
        self._group = group

    def read(self, entry: Entry) -> Fallback | None:
        return Fallback.read(entry)

    async def done(self, in_flight: InFlight[Fallback], result: None) -> None:
        await self._group.done([in_flight.entry.position])

    async def dead_letter(self, entry: Entry, job: Fallback | None, reason: str) -> None:
        await self._group.dead_letter(entry, reason)
