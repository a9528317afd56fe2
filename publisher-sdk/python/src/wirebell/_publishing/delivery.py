"""Delivery: tries a run of events until each has its answer. What is tried again keeps its place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from .._io.seam import Io, OutOfTime
from .._protocol.event import Event
from .._protocol.outcome import Outcome
from ..errors import PublishError, TimedOut
from .failure import Failure, Verdict
from .retry import Backoff
from .transport import Transport, Waiting

CHUNK = 256
"""Most events in one try: enough to hide the way to the bus and back, few enough to bound what a lost connection
leaves in doubt."""

Answer = Outcome | PublishError


class Round:
    """What one try of a run of events came to."""

    def __init__(self) -> None:
        self.settled: list[tuple[Waiting, Answer]] = []
        self.left: list[Waiting] = []
        """Those that are worth another try, in their order."""
        self.kept: Failure | None = None
        """Why they are."""


async def attempt(transport: Transport, waiting: Sequence[Waiting]) -> Round:
    """Tries the events once."""
    done = Round()
    for event, answer in zip(waiting, await transport.send(waiting), strict=True):
        if isinstance(answer, Failure) and answer.verdict is not Verdict.EVENT:
            done.left.append(event)
            done.kept = done.kept or answer
        else:
            done.settled.append((event, answer.error if isinstance(answer, Failure) else answer))
    return done


async def deliver(io: Io, transport: Transport, timeout: float, events: Sequence[Event]) -> list[Answer]:
    """Publishes the events in their order, each chunk within `timeout`.

    Once a chunk could not be finished, those behind it are not tried: they would overtake.
    """
    answers: dict[int, Answer] = {}
    given_up: PublishError = TimedOut(timeout)
    for start in range(0, len(events), CHUNK):
        chunk = [Waiting(start + place, 0, event) for place, event in enumerate(events[start : start + CHUNK])]
        stopped = await _deliver_chunk(io, transport, timeout, chunk, answers)
        if stopped is not None:
            given_up = stopped
            break
    return [answers.get(slot, given_up) for slot in range(len(events))]


async def _deliver_chunk(
    io: Io, transport: Transport, timeout: float, chunk: list[Waiting], answers: dict[int, Answer]
) -> PublishError | None:
    """What stopped it, if something did."""
    end = io.now() + timeout
    backoff = Backoff()
    # What a try ran into that came to its end says more than that the last one did not.
    last: PublishError = TimedOut(timeout)
    while True:
        try:
            done = await io.within(end - io.now(), partial(attempt, transport, chunk))
        except OutOfTime:
            return last
        answers.update((event.slot, answer) for event, answer in done.settled)
        if done.kept is None:
            return None
        pause = backoff.wait(done.kept.come_back_after)
        last = done.kept.error
        # Where waiting helps nobody, the caller is told at once.
        if done.kept.verdict is Verdict.DOOR or io.now() + pause >= end:
            return last
        chunk = done.left
        await io.sleep(pause)
