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

Afterwards = Callable[[], Awaitable[None]] | None
"""What comes after an end that Redis knows of already: it can fail without undoing it."""


@dataclass(frozen=True, slots=True)
class Words:
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
class Held(Generic[J]):
    """An entry, and what it says."""

    entry: Entry
    job: J


class JobKind(ABC, Generic[J, R]):
    """A kind of jobs. Each end is one try, which may be made again."""

    look_every: float
    """How many seconds may pass at most between two looks at the Streams."""
    words: Words

    @abstractmethod
    def read(self, entry: Entry) -> J | None:
        """Reads an entry; none if it is none of this kind."""

    def turn(self, job: J) -> str | None:
        """Jobs that have this in common are handed out one after the other."""
        return None

    @abstractmethod
    async def done(self, held: Held[J], result: R) -> Afterwards:
        """It is done with."""

    @abstractmethod
    async def bury(self, entry: Entry, job: J | None, reason: str) -> Afterwards:
        """It is a dead letter, once, and done with. An entry that nobody can read has no job."""
