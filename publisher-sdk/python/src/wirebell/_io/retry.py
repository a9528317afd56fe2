"""Retries: how long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..errors import PublishError, TimedOut
from .failure import Failure, FailureKind
from .interfaces import Io, OutOfTime

_SHORTEST = 0.02
"""The first wait. A broken connection usually works again at once."""
LONGEST = 1.0

_Done = TypeVar("_Done")


class Backoff:
    """Waits that double up to a limit, each randomly shortened by up to a half.

    The jitter keeps publishers that lost the same Redis from reconnecting at the same time.
    """

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._attempts = 0

    def wait(self, minimum: float | None = None) -> float:
        """Returns how long to wait now. It is at least what the bus asked for."""
        full: float = min(_SHORTEST * 2 ** min(self._attempts, 16), self._longest)
        self._attempts += 1
        jittered = full * random.uniform(0.5, 1.0)
        return jittered if minimum is None else min(minimum + jittered, max(self._longest, minimum))

    def reset(self) -> None:
        """Resets the wait after a successful attempt."""
        self._attempts = 0


async def until(io: Io, timeout: float, attempt: Callable[[], Awaitable[_Done]]) -> _Done:
    """Repeats an idempotent operation until it succeeds, cannot succeed, or the time is over."""
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
