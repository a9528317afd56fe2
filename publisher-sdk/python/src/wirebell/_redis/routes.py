"""Routes commands to the primaries that own their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._io.failure import Failure, publisher_failure, unavailable
from .._io.interfaces import Argument, RedisConnections, Replies, Reply, Server, Timeouts
from .._protocol import scripts
from .._protocol.calls import ScriptCall
from .._protocol.keys import barrier
from .._protocol.scripts import Script
from ..errors import Refused, Unavailable
from .endpoint import RedisEndpoint, exchange_one
from .slots import Slots


@dataclass(frozen=True, slots=True)
class Command:
    """A Redis command, and the key that decides its server."""

    key: str
    words: tuple[Argument, ...]
    replicated: bool = False
    """Whether a replica must have it before it counts as done."""


def command(name: str, key: str, *words: Argument) -> Command:
    """Builds a command whose first argument is its key."""
    return Command(key, (name, key, *words))


def script_command(call: ScriptCall, *, replicated: bool = False) -> Command:
    """Builds a script call by digest."""
    start: tuple[Argument, ...] = ("EVALSHA", scripts.digest(call.script), len(call.keys))
    words = (*start, *call.keys, *call.arguments)
    return Command(call.keys[0], words, replicated)


def eval_command(script: Script, keys: Sequence[str], *words: Argument) -> Command:
    """Builds a script call with the source, for scripts that run rarely."""
    return Command(keys[0], ("EVAL", scripts.source(script), len(keys), *keys, *words))


class Routes:
    """The primaries, with the scripts loaded, and the slots of each."""

    def __init__(self, connections: RedisConnections, timeouts: Timeouts, slots: Slots) -> None:
        self._connections = connections
        self._timeouts = timeouts
        self._slots = slots

    @classmethod
    async def open(cls, connections: RedisConnections, timeouts: Timeouts, endpoint: RedisEndpoint) -> Routes:
        """Looks up the primaries and connects to all of them."""
        routes = cls(connections, timeouts, await endpoint.find_slots(connections))
        load = _load(must_be_primary=endpoint.can_fail_over)
        for replies in await connections.exchange([(owner, load) for owner in routes._slots.owners]):
            _check_loaded(replies, must_be_primary=endpoint.can_fail_over)
        return routes

    async def execute(self, commands: Sequence[Command]) -> Replies:
        """Sends one pipeline to each primary. Commands on one key keep their order."""
        by_owner: dict[Server, list[int]] = {}
        for index, command in enumerate(commands):
            by_owner.setdefault(self._slots.owner(command.key), []).append(index)
        pipelines = [(owner, [commands[index] for index in indexes]) for owner, indexes in by_owner.items()]
        replies: Replies = [None] * len(commands)
        for indexes, done in zip(by_owner.values(), await self._run(pipelines), strict=True):
            for index, reply in zip(indexes, done, strict=True):
                replies[index] = reply
        return replies

    async def _run(self, pipelines: Sequence[tuple[Server, Sequence[Command]]]) -> list[Replies]:
        exchanged = await self._connections.exchange([(owner, self._words(commands)) for owner, commands in pipelines])
        done: list[Replies] = []
        for (owner, commands), replies in zip(pipelines, exchanged, strict=True):
            # The scripts were flushed. Run the missed commands again, in their order.
            if not isinstance(replies, Failure) and any(map(_is_missing, replies)):
                replies = await self._run_missed(owner, commands, replies)
            # A failure of the connection stands for each command on it.
            shared: Replies = [replies] * len(commands) if isinstance(replies, Failure) else []
            done.append(shared if isinstance(replies, Failure) else self._replicated(commands, replies))
        return done

    async def _run_missed(self, owner: Server, commands: Sequence[Command], replies: Replies) -> Replies | Failure:
        indexes = [index for index in range(len(commands)) if _is_missing(replies[index])]
        missed = [commands[index] for index in indexes]
        load = _load(must_be_primary=False)
        try:
            again = await exchange_one(self._connections, owner, [*load, *self._words(missed)])
        except Failure as failure:
            return failure
        again = again[len(load) :]
        for index, reply in zip(indexes, again, strict=False):
            replies[index] = reply
        # Replies after those of the commands come from the replication check.
        return replies[: len(commands)] + (again[len(missed) :] or replies[len(commands) :])

    def _words(self, commands: Sequence[Command]) -> list[tuple[Argument, ...]]:
        words = [command.words for command in commands]
        replicated = next((command for command in commands if command.replicated), None)
        if replicated is not None:
            # `WAIT` covers only writes of this connection. A repeated event writes nothing, so this
            # write makes `WAIT` cover earlier writes as well.
            words.append(("SET", barrier(replicated.key), 1, "PX", 1_000))
            words.append(("WAIT", 1, max(1, round(self._timeouts.reply / 2 * 1_000))))
        return words

    def _replicated(self, commands: Sequence[Command], replies: Replies) -> Replies:
        """Returns the replies; a failure replaces a reply whose event is not replicated as requested."""
        done, waited = replies[: len(commands)], replies[len(commands) :]
        if not waited or (isinstance(waited[-1], int) and waited[-1] >= 1):
            return done
        failed = next((reply for reply in waited if isinstance(reply, Failure)), None)
        missing = failed or unavailable(
            f"no replica confirmed the event within {self._timeouts.reply / 2:g} s; "
            "publishing it again with the same id is safe"
        )
        return [
            missing if command.replicated and not isinstance(reply, Failure) else reply
            for command, reply in zip(commands, done, strict=True)
        ]


def _is_missing(reply: Reply | Failure) -> bool:
    is_temporary = isinstance(reply, Failure) and isinstance(reply.error, Unavailable)
    return is_temporary and "answered NOSCRIPT" in str(reply)


def _load(*, must_be_primary: bool) -> list[tuple[Argument, ...]]:
    words: list[tuple[Argument, ...]] = [("COMMAND", "INFO", "SPUBLISH")]
    if must_be_primary:
        words.append(("ROLE",))
    return words + [("SCRIPT", "LOAD", scripts.source(script)) for script in scripts.LOADED]


def _check_loaded(replies: Replies | Failure, *, must_be_primary: bool) -> None:
    """Raises if a script is not loaded, or if Redis is too old: it would append an event but fail to announce it."""
    if isinstance(replies, Failure):
        raise replies
    known, *rest = replies
    role = rest.pop(0) if must_be_primary else None
    for reply in rest:
        if isinstance(reply, Failure):
            raise reply
    # The commands may also be hidden from this user without an error; the first write then fails.
    if isinstance(role, list) and role[:1] != ["master"]:
        raise unavailable("this Redis is a replica now, and its new primary is not known yet")
    if known == [None]:
        raise publisher_failure(Refused("this Redis has no sharded pub/sub; use Redis 7 or Valkey 7.2", "too_old"))
