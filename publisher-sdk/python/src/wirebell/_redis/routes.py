"""Routes: who has which slots, and how commands get to the right server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._io.seam import Answers, Reply, Server, Timeouts, Wire, Word
from .._protocol import scripts
from .._protocol.calls import Call
from .._protocol.keys import barrier
from .._protocol.scripts import Script
from .._publishing.failure import Failure, of_door, unavailable
from ..errors import Refused, Unavailable
from .place import Place, one
from .slots import Slots


@dataclass(frozen=True, slots=True)
class Command:
    """Something to ask of Redis, and the key that it is about."""

    key: str
    words: tuple[Word, ...]
    replicated: bool = False
    """It counts as done only once a replica has it."""


def command(name: str, key: str, *words: Word) -> Command:
    """A command whose first argument is its key."""
    return Command(key, (name, key, *words))


def call(call: Call, *, replicated: bool = False) -> Command:
    """A script, by its digest."""
    start: tuple[Word, ...] = ("EVALSHA", scripts.digest(call.script), len(call.keys))
    words = (*start, *call.keys, *call.arguments)
    return Command(call.keys[0], words, replicated)


def whole(script: Script, keys: Sequence[str], *words: Word) -> Command:
    """A script that runs seldom enough to be sent whole."""
    return Command(keys[0], ("EVAL", scripts.source(script), len(keys), *keys, *words))


class Routes:
    """Every primary, with the scripts loaded, and who has which slots."""

    def __init__(self, wire: Wire, timeouts: Timeouts, slots: Slots) -> None:
        self._wire = wire
        self._timeouts = timeouts
        self._slots = slots

    @classmethod
    async def open(cls, wire: Wire, timeouts: Timeouts, place: Place) -> Routes:
        """Finds out where the data are, and connects to all who have some."""
        routes = cls(wire, timeouts, await place.find(wire))
        load = _load(must_be_primary=place.can_move)
        for answers in await wire.exchange([(owner, load) for owner in routes._slots.owners]):
            _check_loaded(answers, must_be_primary=place.can_move)
        return routes

    async def ask(self, commands: Sequence[Command]) -> Answers:
        """One pipeline to each primary that has some of it. Those about one key are asked in their order."""
        sorted_: dict[Server, list[int]] = {}
        for place, asked in enumerate(commands):
            sorted_.setdefault(self._slots.owner(asked.key), []).append(place)
        pipelines = [(owner, [commands[place] for place in places]) for owner, places in sorted_.items()]
        answers: Answers = [None] * len(commands)
        for places, done in zip(sorted_.values(), await self._run(pipelines), strict=True):
            for place, answer in zip(places, done, strict=True):
                answers[place] = answer
        return answers

    async def _run(self, pipelines: Sequence[tuple[Server, Sequence[Command]]]) -> list[Answers]:
        exchanged = await self._wire.exchange([(owner, self._words(asked)) for owner, asked in pipelines])
        done: list[Answers] = []
        for (owner, asked), answers in zip(pipelines, exchanged, strict=True):
            # Somebody flushed the scripts. What was not run is run now, in its order.
            if not isinstance(answers, Failure) and any(map(_is_missing, answers)):
                answers = await self._run_missed(owner, asked, answers)
            # A failure of the connection is that of each command on it.
            shared: Answers = [answers] * len(asked) if isinstance(answers, Failure) else []
            done.append(shared if isinstance(answers, Failure) else self._replicated(asked, answers))
        return done

    async def _run_missed(self, owner: Server, asked: Sequence[Command], answers: Answers) -> Answers | Failure:
        places = [place for place in range(len(asked)) if _is_missing(answers[place])]
        missed = [asked[place] for place in places]
        load = _load(must_be_primary=False)
        try:
            again = await one(self._wire, owner, [*load, *self._words(missed)])
        except Failure as failure:
            return failure
        again = again[len(load) :]
        for place, answer in zip(places, again, strict=False):
            answers[place] = answer
        # What stands behind the commands is about the replicas, if they were asked.
        return answers[: len(asked)] + (again[len(missed) :] or answers[len(asked) :])

    def _words(self, asked: Sequence[Command]) -> list[tuple[Word, ...]]:
        words = [one.words for one in asked]
        replicated = next((one for one in asked if one.replicated), None)
        if replicated is not None:
            # An event that was published before writes nothing now, and `WAIT` is about what this connection has
            # written: so that it covers what came before as well, there is always something.
            words.append(("SET", barrier(replicated.key), 1, "PX", 1_000))
            words.append(("WAIT", 1, max(1, round(self._timeouts.answer / 2 * 1_000))))
        return words

    def _replicated(self, asked: Sequence[Command], answers: Answers) -> Answers:
        """The answers, where nothing counts as done that should be replicated and is not."""
        done, waited = answers[: len(asked)], answers[len(asked) :]
        if not waited or (isinstance(waited[-1], int) and waited[-1] >= 1):
            return done
        failed = next((answer for answer in waited if isinstance(answer, Failure)), None)
        missing = failed or unavailable(
            "the primary has the event, and no replica had it within "
            f"{self._timeouts.answer / 2:g} s; publishing it again under the same id is safe"
        )
        return [
            missing if one.replicated and not isinstance(answer, Failure) else answer
            for one, answer in zip(asked, done, strict=True)
        ]


def _is_missing(answer: Reply | Failure) -> bool:
    is_passing = isinstance(answer, Failure) and isinstance(answer.error, Unavailable)
    return is_passing and "answered NOSCRIPT" in str(answer)


def _load(*, must_be_primary: bool) -> list[tuple[Word, ...]]:
    words: list[tuple[Word, ...]] = [("COMMAND", "INFO", "SPUBLISH")]
    if must_be_primary:
        words.append(("ROLE",))
    return words + [("SCRIPT", "LOAD", scripts.source(script)) for script in scripts.LOADED]


def _check_loaded(answers: Answers | Failure, *, must_be_primary: bool) -> None:
    """An older Redis would append to the log and then fail to announce."""
    if isinstance(answers, Failure):
        raise answers
    known, *rest = answers
    role = rest.pop(0) if must_be_primary else None
    for answer in rest:
        if isinstance(answer, Failure):
            raise answer
    # They may also be hidden from this user, which says nothing: a write will tell.
    if isinstance(role, list) and role[:1] != ["master"]:
        raise unavailable("this Redis is a replica now, and nobody knows yet who took its place")
    if known == [None]:
        raise of_door(Refused("Redis 7 or Valkey 7.2 is needed: this one has no sharded pub/sub", "too_old"))
