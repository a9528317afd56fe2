"""Pipelines: cuts events into runs of calls, one for each channel, and puts the answers together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._protocol.calls import Accepted
from .._protocol.outcome import Outcome, Reached
from .._protocol.prepared import Prepared, prepare
from .delivery import CHUNK
from .failure import Failure
from .transport import Waiting

PIPELINE_BYTES = 1024 * 1024
"""Most bytes in one pipeline: it is written whole before the first answer is read."""

Batch = list[tuple[int, Prepared]]
"""Events on their way to a channel, each with the place of its event."""


def batches(events: Sequence[Waiting]) -> Iterator[Batch]:
    """The calls of a run of events, cut to size."""
    batch: Batch = []
    size = 0
    for place, waiting in enumerate(events):
        for prepared in prepare(waiting.event):
            if batch and (len(batch) == CHUNK or size + prepared.size > PIPELINE_BYTES):
                yield batch
                batch, size = [], 0
            batch.append((place, prepared))
            size += prepared.size
    if batch:
        yield batch


class Tally:
    """The answers so far, event by event."""

    def __init__(self, events: Sequence[Waiting]) -> None:
        self._events = [waiting.event for waiting in events]
        self._reached: list[list[Reached]] = [[] for _ in events]
        self._failures: dict[int, Failure] = {}

    def add(self, batch: Batch, answers: Sequence[Accepted | Failure]) -> None:
        """Takes the answers to one batch."""
        for (place, prepared), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Failure):
                known = self._failures.get(place)
                # One channel that is worth another try makes the event worth one: the others answer as before.
                if known is None or answer.verdict > known.verdict:
                    self._failures[place] = answer
            else:
                reached = Reached(prepared.channel, answer.cursor, answer.nodes, answer.scheduled)
                self._reached[place].append(reached)

    @property
    def is_elsewhere(self) -> bool:
        """Did an answer say that this connection leads to the wrong server?"""
        return any(failure.elsewhere for failure in self._failures.values())

    @property
    def stopped(self) -> Failure | None:
        """The failure that stops what has not been sent yet, if there was one."""
        return next((self._failures[place] for place in sorted(self._failures) if self._failures[place].stops), None)

    def finish(self, rest: Failure) -> list[Outcome | Failure]:
        """The answer for each event; `rest` for those that were not sent to all of their channels."""
        return [self._answer(place, rest) for place in range(len(self._events))]

    def _answer(self, place: int, rest: Failure) -> Outcome | Failure:
        event, reached = self._events[place], self._reached[place]
        failure = self._failures.get(place)
        if failure is not None or len(reached) != len(event.to):
            return failure or rest
        return Outcome(event.id or "", tuple(reached))
