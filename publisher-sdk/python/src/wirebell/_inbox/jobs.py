"""How an event in the inbox comes to its end, and how its emitter hears of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from .._io.seam import Io
from .._protocol.inbox import SERVICE_FAILED, Answer, InboxPlace, Told, dead_letter
from .._publishing.retry import until
from .._redis.bus import RedisBus
from .._redis.inbox import finish, tell
from .._redis.streams import Entry, Group
from .._workers.job import Afterwards, Held, JobKind, Words
from ..errors import PublishError
from .event import InboxJob

log = logging.getLogger("wirebell")

Handled = str | None
"""The reply, in JSON; none where this service does not handle events of the type."""


class InboxJobs(JobKind[InboxJob, Handled]):
    """What clients emit."""

    # Somebody waits for the answer.
    look_every = 0.05
    words = Words(
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

    def turn(self, job: InboxJob) -> str:
        return job.event.user

    async def done(self, held: Held[InboxJob], result: Handled) -> Afterwards:
        if result is None:
            await self._group.done([held.entry.place])
            return None
        return await self._end(held.entry, held.job, Answer("reply", result), None)

    async def bury(self, entry: Entry, job: InboxJob | None, reason: str) -> Afterwards:
        letter = dead_letter(entry.fields, self._group.name, entry.tries, reason)
        return await self._end(entry, job, SERVICE_FAILED, letter)

    async def _end(self, entry: Entry, job: InboxJob | None, answer: Answer, dead: Sequence[str] | None) -> Afterwards:
        shard, id_ = entry.place
        place = InboxPlace(shard, id_, self._group.name)
        if job is None:
            # Nobody waits for what cannot be read.
            await finish(self._bus, place, None, None, dead)
            return None
        told = await finish(self._bus, place, (job.event.user, job.id), answer, dead)
        whom = _whom(job, told)
        if whom is None:
            return None

        async def afterwards() -> None:
            """The event is done with: that its emitter does not hear of it is no reason to handle it once more."""
            try:
                await until(self._io, self._timeout, lambda: tell(self._bus, *whom, answer))
            except PublishError as error:
                log.warning("an emitter could not be told what came of its event: %s: %s", whom[0], error)

        return afterwards


def _whom(job: InboxJob, told: Told) -> tuple[str, str] | None:
    """Which connection is told, and by which `ref`."""
    if not told.own:
        return told.instead
    connection, ref = job.event.connection, job.ref
    return None if connection is None or ref is None else (connection, ref)
