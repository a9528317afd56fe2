"""What makes one kind of worker another: what its entries say, and how they come to their end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .._redis.streams import Entry


class Job(Protocol):
    """What an entry says, once it is read."""

    @property
    def id(self) -> str:
        """The event's id: the same however often it is handed out."""

    @property
    def tries(self) -> int:
        """Which try this is, from 1."""


J = TypeVar("J", bound=Job)
R = TypeVar("R")

FollowUp = Callable[[], Awaitable[None]] | None
"""What comes after an end that Redis knows of already: it can fail without undoing it."""


@dataclass(frozen=True, slots=True)
class Messages:
    """What is told of a kind of jobs."""

    noun: str
    """In the names of threads."""
    outage: str
    outage_over: str
    failed: str
    """One try that failed."""
    dead: str
    """An entry was given up that was never handed out."""
    unreadable: str
    """Why nobody can read an entry."""
    untold: str
    """Redis could not be told how a job ended."""


@dataclass(frozen=True, slots=True)
class InFlight(Generic[J]):
    """An entry, and what it says."""

    entry: Entry
    job: J


class JobKind(ABC, Generic[J, R]):
    """A kind of jobs. Each end is one try, which may be made again."""

    poll_interval: float
    """How many seconds may pass at most between two looks at the Streams."""
    messages: Messages

    @abstractmethod
    def read(self, entry: Entry) -> J | None:
        """Reads an entry; none if it is none of this kind."""

    def ordering_key(self, job: J) -> str | None:
        """Jobs that have this in common are handed out one after the other."""
        return None

    @abstractmethod
    async def done(self, in_flight: InFlight[J], result: R) -> FollowUp:
        """It is done with."""

    @abstractmethod
    async def dead_letter(self, entry: Entry, job: J | None, reason: str) -> FollowUp:
        """It is a dead letter, once, and done with. An entry that nobody can read has no job."""
