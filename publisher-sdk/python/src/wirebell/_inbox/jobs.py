"""The job type of inbox workers: finishes an event and sends the reply to its client."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from .._io.interfaces import Io
from .._io.retry import until
from .._protocol.inbox import SERVICE_FAILED, EmitterReply, FinishResult, InboxPosition, dead_letter
from .._redis.bus import RedisBus
from .._redis.inbox import finish_entry, send_reply
from .._redis.streams import Entry, Group
from .._workers.job import FollowUp, InFlight, JobKind, Messages
from ..errors import PublishError
from .event import InboxJob

log = logging.getLogger("wirebell")

Handled = str | None
"""The reply in JSON; `None` if this service does not handle the event type."""


class InboxJobs(JobKind[InboxJob, Handled]):
    """The job type of inbox workers."""

    # A client waits for the reply.
    poll_interval = 0.05
    messages = Messages(
        noun="inbox",
        outage="cannot read the inbox; retrying",
        outage_over="reading the inbox again",
        failed="handling a client event failed",
        dead="a client event became a dead letter",
        unreadable="it is not an inbox event",
        result_lost="Redis did not get the result of a client event; it will be delivered again",
    )

    def __init__(self, bus: RedisBus, group: Group, io: Io, timeout: float) -> None:
        self._bus = bus
        self._group = group
        self._io = io
        self._timeout = timeout

    def read(self, entry: Entry) -> InboxJob | None:
        return InboxJob.read(entry)

    def ordering_key(self, job: InboxJob) -> str:
        return job.event.user

    async def done(self, in_flight: InFlight[InboxJob], result: Handled) -> FollowUp:
        if result is None:
            await self._group.done([in_flight.entry.position])
            return None
        return await self._end(in_flight.entry, in_flight.job, EmitterReply("reply", result), None)

    async def dead_letter(self, entry: Entry, job: InboxJob | None, reason: str) -> FollowUp:
        letter = dead_letter(entry.fields, self._group.name, entry.tries, reason)
        return await self._end(entry, job, SERVICE_FAILED, letter)

    async def _end(
        self, entry: Entry, job: InboxJob | None, answer: EmitterReply, dead: Sequence[str] | None
    ) -> FollowUp:
        shard, id_ = entry.position
        position = InboxPosition(shard, id_, self._group.name)
        if job is None:
            # No connection waits for an unreadable entry.
            await finish_entry(self._bus, position, None, None, dead)
            return None
        finished = await finish_entry(self._bus, position, (job.event.user, job.id), answer, dead)
        waiting = _waiting_connection(job, finished)
        if waiting is None:
            return None

        async def follow_up() -> None:
            """Sends the reply. A failure does not undo that the event is finished."""
            try:
                await until(self._io, self._timeout, lambda: send_reply(self._bus, *waiting, answer))
            except PublishError as error:
                log.warning("cannot send a reply to connection %s: %s", waiting[0], error)

        return follow_up


def _waiting_connection(job: InboxJob, finished: FinishResult) -> tuple[str, str] | None:
    """Returns the connection that waits for the reply, and its `ref`."""
    if not finished.entry_waits:
        return finished.instead
    connection, ref = job.event.connection, job.ref
    return None if connection is None or ref is None else (connection, ref)
