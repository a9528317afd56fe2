"""The Redis transport: publishing, receipts, cancelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._io.failure import Failure, unavailable
from .._io.interfaces import Io, RedisConnections, Replies, Reply
from .._protocol import calls, receipt
from .._protocol.calls import PublishReply
from .._protocol.channel import check
from .._protocol.classes import Durability
from .._protocol.prepared import PreparedEvent
from .._protocol.publish_result import PublishResult
from .._protocol.receipt import Receipt, State
from .._transport.interface import Cancellation, Options, PendingEvent
from .batches import Batch, BatchResults, batches
from .endpoint import RedisEndpoint
from .failures import unexpected_reply
from .routes import Command, Routes, command, script_command

# The fields of a delivery record that hold the event's state. Other fields may be many or as large as the event.
_STATE_FIELDS = ("answer", "deliver_at", "fallen", "expired", "acked", "cancelled")
# How long a note outlives its deleted delivery record, in seconds.
_NOTE_TTL_SECONDS = 3_600


class RedisBus:
    """A bus on Redis: a single server, a primary that sentinels name, or a Cluster."""

    def __init__(self, endpoint: RedisEndpoint, options: Options, connections: RedisConnections, io: Io) -> None:
        self.options = options
        self._endpoint = endpoint
        self._connections = connections
        self._opening = io.lock()
        self._routes: Routes | None = None

    async def open(self) -> None:
        await self._open()

    async def close(self) -> None:
        self._routes = None
        await self._connections.close()

    async def _open(self) -> Routes:
        """Returns the current routes. If there are none, one caller looks them up and the others wait."""
        if self._routes is not None:
            return self._routes
        async with self._opening:
            if self._routes is None:
                self._routes = await Routes.open(self._connections, self.options.timeouts, self._endpoint)
            return self._routes

    async def _forget(self, used: Routes) -> None:
        """Drops these routes, unless they were replaced in the meantime."""
        if self._routes is used:
            self._routes = None
            await self._connections.drop()

    async def execute(self, commands: Iterable[Command]) -> Replies:
        """Runs the commands and returns one reply each."""
        batch = list(commands)
        try:
            routes = await self._open()
        except Failure as failure:
            return [failure] * len(batch)
        replies = await routes.execute(batch)
        if any(isinstance(reply, Failure) and reply.reroute for reply in replies):
            await self._forget(routes)
        return replies

    async def execute_all(self, commands: Iterable[Command]) -> list[Reply]:
        """Runs the commands and returns their replies, or raises the first failure."""
        return [_reply_or_raise(reply) for reply in await self.execute(commands)]

    async def execute_one(self, command: Command) -> Reply:
        return (await self.execute_all([command]))[0]

    async def send(self, events: Sequence[PendingEvent]) -> list[PublishResult | Failure]:
        """Sends the events as pipelines, one batch after the other."""
        results = BatchResults(events)
        try:
            routes = await self._open()
        except Failure as failure:
            return results.finish(failure)
        for batch in batches(events):
            results.add(batch, await self._publish(routes, batch))
            stopped = results.stopped
            if stopped is not None:
                if results.needs_reroute:
                    await self._forget(routes)
                return results.finish(stopped)
        return results.finish(unavailable("not every channel got a reply"))

    async def _publish(self, routes: Routes, batch: Batch) -> list[PublishReply | Failure]:
        """Sends one batch: first the timers of tracked events, then the events."""
        failed = await self._set_timers(routes, batch)
        # Events after one that must be retried are not sent, so that they cannot overtake it.
        end = min((index for index, failure in failed.items() if failure.stops_later_events), default=len(batch))
        indexes = [index for index in range(end) if index not in failed]
        stopped = failed.get(end) or unavailable("no reply")
        replies: list[PublishReply | Failure] = [failed.get(index, stopped) for index in range(len(batch))]
        if indexes:
            published = await routes.execute([self._publish_command(batch[index][1]) for index in indexes])
            for index, reply in zip(indexes, published, strict=True):
                replies[index] = _publish_reply(reply)
        return replies

    def _publish_command(self, event: PreparedEvent) -> Command:
        call = calls.publish(self.options.keys, event, self.options.retentions.of(event.channel))
        return script_command(call, replicated=_is_replicated(event))

    async def _set_timers(self, routes: Routes, batch: Batch) -> dict[int, Failure]:
        """Sets the timers of the tracked events, which are in other slots. Returns the failed ones."""
        timers: dict[int, Command] = {}
        for index, (_, event) in enumerate(batch):
            if event.tracking is not None:
                register = calls.register(self.options.keys, event, self.options.retentions.of(event.channel))
                if register is not None:
                    timers[index] = script_command(register, replicated=_is_replicated(event))
        # Most events are untracked and need no request.
        replies = await routes.execute(list(timers.values())) if timers else []
        results = zip(timers, replies, strict=True)
        return {index: reply for index, reply in results if isinstance(reply, Failure)}

    async def states(self, event_id: str, channels: Sequence[str], max_wait: float) -> list[State | None]:
        replies = await self.execute_all(
            command("HMGET", self._record(name, event_id), *_STATE_FIELDS) for name in channels
        )
        return [_state(name, reply) for name, reply in zip(channels, replies, strict=True)]

    async def receipts(self, event_id: str) -> list[Receipt]:
        channels = await self._channels(event_id)
        replies = await self.execute_all(command("HGETALL", self._record(name, event_id)) for name in channels)
        found = [receipt.read(name, pairs(reply)) for name, reply in zip(channels, replies, strict=True)]
        return [one for one in found if one is not None]

    async def cancel(self, event_id: str) -> Cancellation:
        """Cancels the event on all its channels. Calling it twice has no further effect."""
        channels = await self._channels(event_id)
        keys = self.options.keys
        replies = await self.execute_all(script_command(calls.cancel(keys, name, event_id)) for name in channels)
        for name, reply in zip(channels, replies, strict=True):
            if reply == "cancelled":
                await self._finish_now(name, event_id)
        for end in (Cancellation.PUBLISHED, Cancellation.CANCELLED):
            if end.value in replies:
                return end
        return Cancellation.UNKNOWN

    async def _finish_now(self, channel: str, event_id: str) -> None:
        """Writes the receipt at once, instead of when the timer is due."""
        keys = self.options.keys
        reply = await self.execute_one(script_command(calls.alarm(keys, channel, event_id)))
        try:
            finish = calls.finish(keys, channel, event_id, str(reply))
        except ValueError as error:
            raise unexpected_reply(str(error)) from None
        if await self.execute_one(script_command(finish)) == 1:
            record = self._record(channel, event_id)
            note = command("HSET", record, "told", 1), command("EXPIRE", record, _NOTE_TTL_SECONDS, "NX")
            await self.execute_all(note)

    async def _channels(self, event_id: str) -> list[str]:
        """Returns the channels on which the event may have a delivery record, sorted by name."""
        names = await self.execute_one(command("SMEMBERS", self.options.keys.channels(event_id)))
        return sorted(name for name in _texts(names) if _is_channel(name))

    def _record(self, channel: str, event_id: str) -> str:
        return self.options.keys.record(channel, event_id)


def _is_replicated(event: PreparedEvent) -> bool:
    return event.durability is Durability.REPLICATED


def _reply_or_raise(reply: Reply | Failure) -> Reply:
    if isinstance(reply, Failure):
        raise reply
    return reply


def _publish_reply(reply: Reply | Failure) -> PublishReply | Failure:
    if isinstance(reply, Failure):
        return reply
    try:
        return calls.read_publish_reply(str(reply))
    except ValueError as error:
        return unexpected_reply(str(error))


def _texts(reply: Reply) -> list[str]:
    return [one for one in reply if isinstance(one, str)] if isinstance(reply, list) else []


def pairs(reply: Reply) -> dict[str, str]:
    """Reads a flat list of names and values."""
    words = reply if isinstance(reply, list) else []
    return {str(name): str(value) for name, value in zip(words[::2], words[1::2], strict=False)}


def _state(channel: str, reply: Reply) -> State | None:
    values = reply if isinstance(reply, list) else []
    fields = {name: value for name, value in zip(_STATE_FIELDS, values, strict=False) if isinstance(value, str)}
    found = receipt.read(channel, fields)
    return None if found is None else found.state


def _is_channel(name: str) -> bool:
    try:
        return bool(check(name))
    except ValueError:
        return False
