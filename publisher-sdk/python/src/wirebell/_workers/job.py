"""The interface of a job type: reading entries and finishing them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .._redis.streams import Entry


class Job(Protocol):
    """A parsed entry."""

    @property
    def id(self) -> str:
        """The event's id. It is the same in every attempt."""

    @property
    def tries(self) -> int:
        """The number of this attempt, from 1."""


J = TypeVar("J", bound=Job)
R = TypeVar("R")

FollowUp = Callable[[], Awaitable[None]] | None
"""A step after Redis has the result. Its failure does not undo the result."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Log messages and labels of a job type."""

    noun: str
    """Part of the thread names."""
    outage: str
    outage_over: str
    failed: str
    """An attempt failed."""
    dead: str
    """An entry became a dead letter without being handed out."""
    unreadable: str
    """Why an entry cannot be read."""
    result_lost: str
    """Redis did not get a result."""


@dataclass(frozen=True, slots=True)
class InFlight(Generic[J]):
    """A leased entry and its job."""

    entry: Entry
    job: J


class JobKind(ABC, Generic[J, R]):
    """A job type. Its methods may be called again after a failure."""

    poll_interval: float
    """Most seconds between two polls of the streams."""
    messages: Messages

    @abstractmethod
    def read(self, entry: Entry) -> J | None:
        """Reads an entry. Returns `None` if it is not of this type."""

    def ordering_key(self, job: J) -> str | None:
        """Returns a key: jobs with the same key are handed out one at a time, in order."""
        return None

    @abstractmethod
    async def done(self, in_flight: InFlight[J], result: R) -> FollowUp:
        """Finishes a job."""

    @abstractmethod
    async def dead_letter(self, entry: Entry, job: J | None, reason: str) -> FollowUp:
        """Moves an entry to the dead letters, once. An unreadable entry has no job."""
