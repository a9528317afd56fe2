"""The bus that is a Redis: publishing, receipts, cancelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._io.seam import Answers, Io, Reply, Wire
from .._protocol import calls, receipt
from .._protocol.calls import Accepted
from .._protocol.channel import check
from .._protocol.classes import Durability
from .._protocol.outcome import Outcome
from .._protocol.prepared import Prepared
from .._protocol.receipt import Receipt, State
from .._publishing.failure import Failure, unavailable
from .._publishing.pipeline import Batch, Tally, batches
from .._publishing.transport import Cancellation, Options, Waiting
from .place import Place
from .routes import Command, Routes, call, command
from .verdicts import strange

# The fields of a record that say where its event stands. The others may be many, or as large as the event.
_STANDING = ("answer", "deliver_at", "fallen", "expired", "acked", "cancelled")
# For how many seconds a note outlives a record that has gone.
_NOTE_SECONDS = 3_600


class RedisBus:
    """Redis: one server, one behind sentinels, or a Cluster."""

    def __init__(self, place: Place, options: Options, wire: Wire, io: Io) -> None:
        self.options = options
        self._place = place
        self._wire = wire
        self._opening = io.lock()
        self._routes: Routes | None = None

    async def open(self) -> None:
        await self._open()

    async def close(self) -> None:
        self._routes = None
        await self._wire.close()

    async def _open(self) -> Routes:
        """The routes of now. All who find none wait for one of them to find them."""
        if self._routes is not None:
            return self._routes
        async with self._opening:
            if self._routes is None:
                self._routes = await Routes.open(self._wire, self.options.timeouts, self._place)
            return self._routes

    async def _forget(self, used: Routes) -> None:
        """Takes the routes out, unless somebody has found others since."""
        if self._routes is used:
            self._routes = None
            await self._wire.drop()

    async def ask(self, commands: Iterable[Command]) -> Answers:
        """Asks for several things; one answer each."""
        asked = list(commands)
        try:
            routes = await self._open()
        except Failure as failure:
            return [failure] * len(asked)
        answers = await routes.ask(asked)
        if any(isinstance(answer, Failure) and answer.elsewhere for answer in answers):
            await self._forget(routes)
        return answers

    async def ask_all(self, commands: Iterable[Command]) -> list[Reply]:
        """All answers, or the first failure."""
        return [_unfailed(answer) for answer in await self.ask(commands)]

    async def ask_one(self, command: Command) -> Reply:
        return (await self.ask_all([command]))[0]

    async def send(self, events: Sequence[Waiting]) -> list[Outcome | Failure]:
        """Sends the events as pipelines, one batch after the other."""
        tally = Tally(events)
        try:
            routes = await self._open()
        except Failure as failure:
            return tally.finish(failure)
        for batch in batches(events):
            tally.add(batch, await self._publish(routes, batch))
            stopped = tally.stopped
            if stopped is not None:
                if tally.is_elsewhere:
                    await self._forget(routes)
                return tally.finish(stopped)
        return tally.finish(unavailable("not every channel was answered for"))

    async def _publish(self, routes: Routes, batch: Batch) -> list[Accepted | Failure]:
        """One batch: first the timers of the events that have to be tracked, then the events."""
        unset = await self._set_timers(routes, batch)
        # What comes behind an event that has to be tried again must not overtake it.
        end = min((place for place, failure in unset.items() if failure.stops), default=len(batch))
        places = [place for place in range(end) if place not in unset]
        stopped = unset.get(end) or unavailable("no answer")
        answers: list[Accepted | Failure] = [unset.get(place, stopped) for place in range(len(batch))]
        if places:
            asked = await routes.ask([self._call(batch[place][1]) for place in places])
            for place, answer in zip(places, asked, strict=True):
                answers[place] = _accepted(answer)
        return answers

    def _call(self, event: Prepared) -> Command:
        asked = calls.publish(self.options.keys, event, self.options.retentions.of(event.channel))
        return call(asked, replicated=_is_replicated(event))

    async def _set_timers(self, routes: Routes, batch: Batch) -> dict[int, Failure]:
        """Sets the timers of those that need one, which stand in other slots; says whose could not be set."""
        asked: dict[int, Command] = {}
        for place, (_, event) in enumerate(batch):
            if event.tracking is not None:
                register = calls.register(self.options.keys, event, self.options.retentions.of(event.channel))
                if register is not None:
                    asked[place] = call(register, replicated=_is_replicated(event))
        # Most events need none, and then nothing is asked.
        answers = await routes.ask(list(asked.values())) if asked else []
        pairs = zip(asked, answers, strict=True)
        return {place: answer for place, answer in pairs if isinstance(answer, Failure)}

    async def states(self, event_id: str, channels: Sequence[str], patience: float) -> list[State | None]:
        answers = await self.ask_all(command("HMGET", self._record(name, event_id), *_STANDING) for name in channels)
        return [_state(name, answer) for name, answer in zip(channels, answers, strict=True)]

    async def receipts(self, event_id: str) -> list[Receipt]:
        channels = await self._channels(event_id)
        answers = await self.ask_all(command("HGETALL", self._record(name, event_id)) for name in channels)
        found = [receipt.read(name, pairs(answer)) for name, answer in zip(channels, answers, strict=True)]
        return [one for one in found if one is not None]

    async def cancel(self, event_id: str) -> Cancellation:
        """Cancels the event on all of its channels. Doing it twice is doing it once."""
        channels = await self._channels(event_id)
        keys = self.options.keys
        answers = await self.ask_all(call(calls.cancel(keys, name, event_id)) for name in channels)
        for name, answer in zip(channels, answers, strict=True):
            if answer == "cancelled":
                await self._attend(name, event_id)
        for end in (Cancellation.PUBLISHED, Cancellation.CANCELLED):
            if end.value in answers:
                return end
        return Cancellation.UNKNOWN

    async def _attend(self, channel: str, event_id: str) -> None:
        """Has told at once what would be told when the timer goes off."""
        keys = self.options.keys
        answer = await self.ask_one(call(calls.alarm(keys, channel, event_id)))
        try:
            finish = calls.finish(keys, channel, event_id, str(answer))
        except ValueError as error:
            raise strange(str(error)) from None
        if await self.ask_one(call(finish)) == 1:
            record = self._record(channel, event_id)
            note = command("HSET", record, "told", 1), command("EXPIRE", record, _NOTE_SECONDS, "NX")
            await self.ask_all(note)

    async def _channels(self, event_id: str) -> list[str]:
        """The channels on which the event may have a record, in the order of their names."""
        names = await self.ask_one(command("SMEMBERS", self.options.keys.channels(event_id)))
        return sorted(name for name in _texts(names) if _is_channel(name))

    def _record(self, channel: str, event_id: str) -> str:
        return self.options.keys.record(channel, event_id)


def _is_replicated(event: Prepared) -> bool:
    return event.durability is Durability.REPLICATED


def _unfailed(answer: Reply | Failure) -> Reply:
    if isinstance(answer, Failure):
        raise answer
    return answer


def _accepted(answer: Reply | Failure) -> Accepted | Failure:
    if isinstance(answer, Failure):
        return answer
    try:
        return calls.reply(str(answer))
    except ValueError as error:
        return strange(str(error))


def _texts(answer: Reply) -> list[str]:
    return [one for one in answer if isinstance(one, str)] if isinstance(answer, list) else []


def pairs(answer: Reply) -> dict[str, str]:
    """A list of names and values, by turns."""
    words = answer if isinstance(answer, list) else []
    return {str(name): str(value) for name, value in zip(words[::2], words[1::2], strict=False)}


def _state(channel: str, answer: Reply) -> State | None:
    values = answer if isinstance(answer, list) else []
    fields = {name: value for name, value in zip(_STANDING, values, strict=False) if isinstance(value, str)}
    found = receipt.read(channel, fields)
    return None if found is None else found.state


def _is_channel(name: str) -> bool:
    try:
        return bool(check(name))
    except ValueError:
        return False
