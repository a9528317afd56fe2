"""Failures: why one try of one event came to nothing, and what that says about the next try."""

from __future__ import annotations

from enum import IntEnum

from ..errors import PublishError, Refused, TimedOut, Unavailable


class FailureKind(IntEnum):
    """Whose fault it is, from the least to the most worth trying again."""

    EVENT = 0
    """The event's: it can never be published, and those behind it can."""
    PUBLISHER = 1
    """This publisher's, as with a wrong password: nothing gets through until a person changes something."""
    TEMPORARY = 2
    """The moment's."""


class Failure(Exception):
    """One try that failed. It is a value in a list of answers as often as it is raised."""

    def __init__(
        self, error: PublishError, kind: FailureKind, *, reroute: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.kind = kind
        self.reroute = reroute
        """The connection is of no use any more: its server is no longer the right one."""
        self.retry_after = retry_after
        """When the bus wants to be asked again, if it said so."""

    @property
    def stops_later_events(self) -> bool:
        """Does it stop the events behind this one, too?"""
        return self.kind is not FailureKind.EVENT

    def as_connection_failure(self) -> Failure:
        """The same, where the connection itself is at fault."""
        return Failure(self.error, self.kind, reroute=True, retry_after=self.retry_after)


def event_failure(error: PublishError) -> Failure:
    """The event was refused for good."""
    return Failure(error, FailureKind.EVENT)


def publisher_failure(refused: Refused) -> Failure:
    """The publisher was refused."""
    return Failure(refused, FailureKind.PUBLISHER)


def unavailable(reason: str, retry_after: float | None = None) -> Failure:
    """The bus cannot be reached, or takes nothing just now."""
    return Failure(Unavailable(reason), FailureKind.TEMPORARY, retry_after=retry_after)


def timed_out(after: float) -> Failure:
    """The bus did not answer."""
    return Failure(TimedOut(after), FailureKind.TEMPORARY)
