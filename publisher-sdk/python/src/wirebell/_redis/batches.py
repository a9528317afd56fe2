"""Splits a run of events into batches of script calls, and collects their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._io.failure import Failure
from .._protocol.calls import PublishReply
from .._protocol.prepared import PreparedEvent, prepare
from .._protocol.publish_result import ChannelResult, PublishResult
from .._transport.interface import CHUNK, PendingEvent

PIPELINE_BYTES = 1024 * 1024
"""Most bytes in one pipeline: it is sent whole before the first reply is read."""

Batch = list[tuple[int, PreparedEvent]]
"""Prepared events, each with the index of its event."""


def batches(events: Sequence[PendingEvent]) -> Iterator[Batch]:
    """Splits events into batches of bounded size."""
    batch: Batch = []
    size = 0
    for index, pending in enumerate(events):
        for prepared in prepare(pending.event):
            if batch and (len(batch) == CHUNK or size + prepared.size > PIPELINE_BYTES):
                yield batch
                batch, size = [], 0
            batch.append((index, prepared))
            size += prepared.size
    if batch:
        yield batch


class BatchResults:
    """The results so far, event by event."""

    def __init__(self, events: Sequence[PendingEvent]) -> None:
        self._events = [pending.event for pending in events]
        self._channel_results: list[list[ChannelResult]] = [[] for _ in events]
        self._failures: dict[int, Failure] = {}

    def add(self, batch: Batch, replies: Sequence[PublishReply | Failure]) -> None:
        """Adds the replies to one batch."""
        for (index, prepared), reply in zip(batch, replies, strict=True):
            if isinstance(reply, Failure):
                earlier = self._failures.get(index)
                # If one channel is worth a retry, the event is: the other channels then reply as before.
                if earlier is None or reply.kind > earlier.kind:
                    self._failures[index] = reply
            else:
                result = ChannelResult(prepared.channel, reply.cursor, reply.nodes, reply.scheduled)
                self._channel_results[index].append(result)

    @property
    def needs_reroute(self) -> bool:
        """Whether a reply says that a connection leads to the wrong server."""
        return any(failure.reroute for failure in self._failures.values())

    @property
    def stopped(self) -> Failure | None:
        """The failure that stops the events not sent yet, if any."""
        return next(
            (self._failures[index] for index in sorted(self._failures) if self._failures[index].stops_later_events),
            None,
        )

    def finish(self, rest: Failure) -> list[PublishResult | Failure]:
        """Returns a result for each event; `rest` for events that were not sent to all their channels."""
        return [self._read_reply(index, rest) for index in range(len(self._events))]

    def _read_reply(self, index: int, rest: Failure) -> PublishResult | Failure:
        event, results = self._events[index], self._channel_results[index]
        failure = self._failures.get(index)
        if failure is not None or len(results) != len(event.to):
            return failure or rest
        return PublishResult(event.id or "", tuple(results))
