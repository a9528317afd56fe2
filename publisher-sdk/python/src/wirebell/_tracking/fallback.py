"""A fallback event, and the job type of the workers that handle it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .._protocol.channel import check
from .._redis.streams import Entry, Group
from .._workers.job import InFlight, JobKind, Messages


@dataclass(frozen=True, slots=True)
class Fallback:
    """An event that no device acknowledged by its deadline."""

    id: str
    """The event's id. It is the same in every attempt."""
    channel: str
    """The channel without an acknowledgement."""
    at: int
    """When it was added to the fallback stream, in milliseconds since the Unix epoch, by the bus's clock."""
    event: str
    """The event as clients receive it, in JSON."""
    tries: int
    """The number of this attempt, from 1."""

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
        """Reads a stream entry. Returns `None` if a node did not write it."""
        fields = entry.fields
        try:
            channel, at = check(fields["channel"]), int(fields["at"])
            return cls(fields["id"], channel, at, fields["event"], entry.tries)
        except (KeyError, ValueError):
            return None


class FallbackJobs(JobKind[Fallback, None]):
    """The job type of fallback workers."""

    poll_interval = 0.15
    messages = Messages(
        noun="fallback",
        outage="cannot read the fallback stream; retrying",
        outage_over="reading the fallback stream again",
        failed="handling a fallback event failed",
        dead="a fallback event became a dead letter",
        unreadable="it is not a fallback event",
        result_lost="Redis did not get the result of a fallback event; it will be delivered again",
    )

    def __init__(self, group: Group) -> None:
        self._group = group

    def read(self, entry: Entry) -> Fallback | None:
        return Fallback.read(entry)

    async def done(self, in_flight: InFlight[Fallback], result: None) -> None:
        await self._group.done([in_flight.entry.position])

    async def dead_letter(self, entry: Entry, job: Fallback | None, reason: str) -> None:
        await self._group.dead_letter(entry, reason)
