"""Failures of one attempt, and what they mean for the next attempt."""

from __future__ import annotations

from enum import IntEnum

from ..errors import PublishError, Refused, TimedOut, Unavailable


class FailureKind(IntEnum):
    """The cause of a failure, from the least to the most worth a retry."""

    EVENT = 0
    """The event is rejected and never retried. Later events may succeed."""
    PUBLISHER = 1
    """This publisher is rejected, as with a wrong password. No event succeeds until the setting is corrected."""
    TEMPORARY = 2
    """The bus is temporarily unavailable."""


class Failure(Exception):
    """A failed attempt. It is returned as a value as often as it is raised."""

    def __init__(
        self, error: PublishError, kind: FailureKind, *, reroute: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.kind = kind
        self.reroute = reroute
        """Whether the routes must be looked up again: the connection is lost, or leads to the wrong server."""
        self.retry_after = retry_after
        """Seconds after which the bus asks to be tried again, if it says so."""

    @property
    def stops_later_events(self) -> bool:
        """Whether later events must not be sent either."""
        return self.kind is not FailureKind.EVENT

    def as_connection_failure(self) -> Failure:
        """Returns the same failure, marked as one of the connection."""
        return Failure(self.error, self.kind, reroute=True, retry_after=self.retry_after)


def event_failure(error: PublishError) -> Failure:
    """The event was rejected and is not retried."""
    return Failure(error, FailureKind.EVENT)


def publisher_failure(refused: Refused) -> Failure:
    """The publisher was rejected."""
    return Failure(refused, FailureKind.PUBLISHER)


def unavailable(reason: str, retry_after: float | None = None) -> Failure:
    """The bus cannot be reached, or accepts nothing at the moment."""
    return Failure(Unavailable(reason), FailureKind.TEMPORARY, retry_after=retry_after)


def timed_out(after: float) -> Failure:
    """The bus did not reply in time."""
    return Failure(TimedOut(after), FailureKind.TEMPORARY)
