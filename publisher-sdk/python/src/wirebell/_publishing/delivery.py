"""Delivery: repeats attempts until every event has a result, and keeps the order of the events."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from .._io.failure import Failure, FailureKind
from .._io.interfaces import Io, OutOfTime
from .._io.retry import Backoff
from .._protocol.event import Event
from .._protocol.publish_result import PublishResult
from .._transport.interface import CHUNK, PendingEvent, Transport
from ..errors import PublishError, TimedOut

Answer = PublishResult | PublishError


class AttemptResult:
    """The outcome of one attempt."""

    def __init__(self) -> None:
        self.final: list[tuple[PendingEvent, Answer]] = []
        self.remaining: list[PendingEvent] = []
        """The events to retry, in their order."""
        self.failure: Failure | None = None
        """Why they must be retried."""


async def attempt(transport: Transport, pending: Sequence[PendingEvent]) -> AttemptResult:
    """Sends the events once."""
    done = AttemptResult()
    for event, answer in zip(pending, await transport.send(pending), strict=True):
        if isinstance(answer, Failure) and answer.kind is not FailureKind.EVENT:
            done.remaining.append(event)
            done.failure = done.failure or answer
        else:
            done.final.append((event, answer.error if isinstance(answer, Failure) else answer))
    return done


async def deliver(io: Io, transport: Transport, timeout: float, events: Sequence[Event]) -> list[Answer]:
    """Publishes the events in their order, each chunk within `timeout` seconds.

    If a chunk fails, the later chunks are not sent, because they would overtake it.
    """
    answers: dict[int, Answer] = {}
    given_up: PublishError = TimedOut(timeout)
    for start in range(0, len(events), CHUNK):
        chunk = [PendingEvent(start + offset, 0, event) for offset, event in enumerate(events[start : start + CHUNK])]
        stopped = await _deliver_chunk(io, transport, timeout, chunk, answers)
        if stopped is not None:
            given_up = stopped
            break
    return [answers.get(slot, given_up) for slot in range(len(events))]


async def _deliver_chunk(
    io: Io, transport: Transport, timeout: float, chunk: list[PendingEvent], answers: dict[int, Answer]
) -> PublishError | None:
    """Delivers one chunk. Returns the error that stopped it, if any."""
    end = io.now() + timeout
    backoff = Backoff()
    # The error of a finished attempt says more than the timeout of the last one.
    last: PublishError = TimedOut(timeout)
    while True:
        try:
            done = await io.within(end - io.now(), partial(attempt, transport, chunk))
        except OutOfTime:
            return last
        answers.update((event.slot, answer) for event, answer in done.final)
        if done.failure is None:
            return None
        pause = backoff.wait(done.failure.retry_after)
        last = done.failure.error
        # If waiting cannot help, the caller gets the error at once.
        if done.failure.kind is FailureKind.PUBLISHER or io.now() + pause >= end:
            return last
        chunk = done.remaining
        await io.sleep(pause)
