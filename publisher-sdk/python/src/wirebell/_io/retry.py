"""Retrying: how long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..errors import PublishError, TimedOut
from .failure import Failure, FailureKind
from .interfaces import Io, OutOfTime

_SHORTEST = 0.02
"""The first wait: a broken connection is usually good again at once."""
LONGEST = 1.0

_Done = TypeVar("_Done")


class Backoff:
    """Waits that double up to a bound, each shortened at random by up to a half.

    Many publishers that lost the same Redis do not come back in step then.
    """

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._tries = 0

    def wait(self, asked: float | None = None) -> float:
        """How long to wait now; never less than the bus asked for."""
        full: float = min(_SHORTEST * 2 ** min(self._tries, 16), self._longest)
        self._tries += 1
        jittered = full * random.uniform(0.5, 1.0)
        return jittered if asked is None else min(asked + jittered, max(self._longest, asked))

    def reset(self) -> None:
        """The last try went well."""
        self._tries = 0


async def until(io: Io, timeout: float, attempt: Callable[[], Awaitable[_Done]]) -> _Done:
    """Tries something that may be done twice until it is done, cannot be done, or the time is over."""
    end = io.now() + timeout
    backoff = Backoff()
    last: PublishError = TimedOut(timeout)
    while True:
        try:
            return await io.within(end - io.now(), attempt)
        except OutOfTime:
            raise last from None
        except Failure as failure:
            pause = backoff.wait(failure.retry_after)
            last = failure.error
            if failure.kind is not FailureKind.TEMPORARY or io.now() + pause >= end:
                raise last from None
        await io.sleep(pause)
