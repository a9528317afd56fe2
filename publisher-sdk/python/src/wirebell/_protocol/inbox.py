"""The inbox as services see it: what an entry says, how to be done with one, and what its emitter is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .calls import ScriptCall
from .channel import check
from .keys import Keys
from .scripts import Script

MAX_REPLY_BYTES = 1_048_576
"""The longest reply, in bytes of JSON."""
_MOST_DEAD = 1_000_000
"""Most dead letters that a shard keeps."""
_WORDS = {"service_failed": "the service could not handle the event"}
"""What people are told."""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """What an entry of the inbox says."""

    id: str
    type: str
    user: str
    at: int
    data: str
    """JSON, as the client wrote it."""
    connection: str | None
    """None where no client has emitted it."""
    device: str | None
    ref: str | None
    """The connection waits for an answer by this name."""
    traceparent: str | None

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> InboxEntry:
        """Reads an entry, or raises `KeyError` or `ValueError` if it is not one of the inbox."""
        connection, at = fields.get("connection"), fields["at"]
        if connection is not None:
            check(f"conn:{connection}")
        if not (at.isascii() and at.isdigit()):
            raise ValueError("expected milliseconds in `at`")
        return cls(
            id=fields["id"],
            type=fields["type"],
            user=fields["user"],
            at=int(at),
            data=fields["data"],
            connection=connection,
            device=fields.get("device"),
            ref=fields.get("ref"),
            traceparent=fields.get("traceparent"),
        )


@dataclass(frozen=True, slots=True)
class EmitterReply:
    """What an emitter is told: `reply` and JSON, or `error` and the code of a fault."""

    kind: str
    what: str

    def __str__(self) -> str:
        """As the scripts know it."""
        return f"{self.kind} {self.what}"


SERVICE_FAILED = EmitterReply("error", "service_failed")


@dataclass(frozen=True, slots=True)
class InboxPosition:
    """Where an entry stands, and for which service."""

    shard: int
    entry: str
    group: str


@dataclass(frozen=True, slots=True)
class FinishResult:
    """Who is told once an entry is done with."""

    entry_waits: bool = False
    """The entry's own connection, if that waits."""
    instead: tuple[str, str] | None = None
    """This connection, by this `ref`: it has emitted the event again meanwhile."""


def finish_call(
    keys: Keys,
    place: InboxPosition,
    of: tuple[str, str] | None,
    what: EmitterReply | None,
    dead: Sequence[str] | None = None,
) -> ScriptCall:
    """Finishes with an entry.

    `of` is the user and the event's id, if the entry could be read; `dead` are the names and values of the dead letter
    that it becomes.
    """
    user, id_ = of or ("", "")
    names = (keys.inbox(place.shard), keys.inbox_dead(place.shard), keys.emitted(place.shard, user, id_))
    letter = ("",) if dead is None else (str(_MOST_DEAD), *dead)
    return ScriptCall(Script.ANSWER, names, (place.group, place.entry, "" if what is None else str(what), *letter))


def dead_letter(fields: Mapping[str, str], group: str, tries: int, reason: str) -> list[str]:
    """The names and values of a dead letter: those of the entry, and who gave it up, after how many tries, and why."""
    pairs = [*sorted(fields.items()), ("group", group), ("tries", str(tries)), ("reason", reason)]
    return [word for pair in pairs for word in pair]


def read_finish_result(words: object) -> FinishResult:
    """What finishing answered."""
    match words:
        case ["gone", str(), str()]:
            return FinishResult()
        case ["done", "", str()]:
            return FinishResult(entry_waits=True)
        case ["done", str(connection), str(ref)]:
            check(f"conn:{connection}")
            return FinishResult(instead=(connection, ref) if ref else None)
    raise ValueError("expected `done` or `gone`, a connection and a ref from the answer script")


def reply_message(connection: str, ref: str, what: EmitterReply) -> str:
    """The message for the node of that connection."""
    name = json.dumps(ref, ensure_ascii=False)
    return f"reply {connection} {name}\n{_frame(name, what)}"


def _frame(ref: str, what: EmitterReply) -> str:
    if what.kind == "reply":
        return f'{{"type":"wirebell.reply","ref":{ref},"data":{what.what}}}'
    message = json.dumps(_WORDS.get(what.what, "the event was refused"))
    return f'{{"type":"wirebell.error","code":"{what.what}","message":{message},"ref":{ref}}}'
