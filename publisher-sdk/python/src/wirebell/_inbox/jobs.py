"""How an event in the inbox comes to its end, and how its emitter hears of it."""

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
"""The reply, in JSON; none where this service does not handle events of the type."""


class InboxJobs(JobKind[InboxJob, Handled]):
    """What clients emit."""

    # Somebody waits for the answer.
    poll_interval = 0.05
    messages = Messages(
        noun="inbox",
        outage="the inbox cannot be read, and it is tried again",
        outage_over="the inbox is read again",
        failed="an event from a client could not be handled",
        dead="an event from a client has become a dead letter",
        unreadable="it is not an event of the inbox",
        untold="nobody was told how handling an event ended, it will be tried again",
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
            # Nobody waits for what cannot be read.
            await finish_entry(self._bus, position, None, None, dead)
            return None
        finished = await finish_entry(self._bus, position, (job.event.user, job.id), answer, dead)
        waiting = _waiting_connection(job, finished)
        if waiting is None:
            return None

        async def follow_up() -> None:
            """The event is done with: that its emitter does not hear of it is no reason to handle it once more."""
            try:
                await until(self._io, self._timeout, lambda: send_reply(self._bus, *waiting, answer))
            except PublishError as error:
                log.warning("an emitter could not be told what came of its event: %s: %s", waiting[0], error)

        return follow_up


def _waiting_connection(job: InboxJob, finished: FinishResult) -> tuple[str, str] | None:
    """Which connection is told, and by which `ref`."""
    if not finished.entry_waits:
        return finished.instead
    connection, ref = job.event.connection, job.ref
    return None if connection is None or ref is None else (connection, ref)
