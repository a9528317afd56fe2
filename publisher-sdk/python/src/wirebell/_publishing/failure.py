"""Failures: why one try of one event came to nothing, and what that says about the next try."""

from __future__ import annotations

from enum import IntEnum

from ..errors import PublishError, Refused, TimedOut, Unavailable


class Verdict(IntEnum):
    """Whose fault it is, from the least to the most worth trying again."""

    EVENT = 0
    """The event's: it can never be published, and those behind it can."""
    DOOR = 1
    """This publisher's, as with a wrong password: nothing gets through until a person changes something."""
    MOMENT = 2
    """The moment's."""


class Failure(Exception):
    """One try that failed. It is a value in a list of answers as often as it is raised."""

    def __init__(
        self, error: PublishError, verdict: Verdict, *, elsewhere: bool = False, come_back_after: float | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.verdict = verdict
        self.elsewhere = elsewhere
        """The connection is of no use any more: its server is no longer the right one."""
        self.come_back_after = come_back_after
        """When the bus wants to be asked again, if it said so."""

    @property
    def stops(self) -> bool:
        """Does it stop the events behind this one, too?"""
        return self.verdict is not Verdict.EVENT

    def of_connection(self) -> Failure:
        """The same, where the connection itself is at fault."""
        return Failure(self.error, self.verdict, elsewhere=True, come_back_after=self.come_back_after)


def of_event(error: PublishError) -> Failure:
    """The event was refused for good."""
    return Failure(error, Verdict.EVENT)


def of_door(refused: Refused) -> Failure:
    """The publisher was refused."""
    return Failure(refused, Verdict.DOOR)


def unavailable(reason: str, come_back_after: float | None = None) -> Failure:
    """The bus cannot be reached, or takes nothing just now."""
    return Failure(Unavailable(reason), Verdict.MOMENT, come_back_after=come_back_after)


def timed_out(after: float) -> Failure:
    """The bus did not answer."""
    return Failure(TimedOut(after), Verdict.MOMENT)
