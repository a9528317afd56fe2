"""The inbox for services: reading entries, finishing them, and replying to the client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .calls import ScriptCall
from .channel import check
from .keys import Keys
from .scripts import Script

MAX_REPLY_BYTES = 1_048_576
"""Most bytes of a reply, as JSON."""
_MOST_DEAD = 1_000_000
"""Most dead letters in one shard."""
_WORDS = {"service_failed": "the service could not handle the event"}
"""Messages of error frames."""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """An inbox entry."""

    id: str
    type: str
    user: str
    at: int
    data: str
    """The data in JSON, as the client wrote it."""
    connection: str | None
    """`None` if no client emitted it."""
    device: str | None
    ref: str | None
    """The `ref` under which the connection waits for a reply."""
    traceparent: str | None

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> InboxEntry:
        """Reads an entry. Raises `KeyError` or `ValueError` if it is not an inbox entry."""
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
    """What the client receives: `reply` with JSON, or `error` with an error code."""

    kind: str
    what: str

    def __str__(self) -> str:
        """Returns the form that the scripts use."""
        return f"{self.kind} {self.what}"


SERVICE_FAILED = EmitterReply("error", "service_failed")


@dataclass(frozen=True, slots=True)
class InboxPosition:
    """The position of an entry, and the group that finishes it."""

    shard: int
    entry: str
    group: str


@dataclass(frozen=True, slots=True)
class FinishResult:
    """The connection that waits for the reply of a finished entry, if any."""

    entry_waits: bool = False
    """Whether the connection of the entry waits, if it asked for a reply."""
    instead: tuple[str, str] | None = None
    """Another connection and its `ref`, if it has emitted the same event again in the meantime."""


def finish_call(
    keys: Keys,
    place: InboxPosition,
    of: tuple[str, str] | None,
    what: EmitterReply | None,
    dead: Sequence[str] | None = None,
) -> ScriptCall:
    """Finishes an entry.

    `of` is the user and the event id, if the entry could be read. `dead` are the names and values of the dead
    letter, if it becomes one.
    """
    user, id_ = of or ("", "")
    names = (keys.inbox(place.shard), keys.inbox_dead(place.shard), keys.emitted(place.shard, user, id_))
    letter = ("",) if dead is None else (str(_MOST_DEAD), *dead)
    return ScriptCall(Script.ANSWER, names, (place.group, place.entry, "" if what is None else str(what), *letter))


def dead_letter(fields: Mapping[str, str], group: str, tries: int, reason: str) -> list[str]:
    """Returns names and values of a dead letter: those of the entry, then the group, the attempts and the reason."""
    pairs = [*sorted(fields.items()), ("group", group), ("tries", str(tries)), ("reason", reason)]
    return [word for pair in pairs for word in pair]


def read_finish_result(words: object) -> FinishResult:
    """Parses the reply of the answer script."""
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
    """Returns the message to the node of the connection."""
    name = json.dumps(ref, ensure_ascii=False)
    return f"reply {connection} {name}\n{_frame(name, what)}"


def _frame(ref: str, what: EmitterReply) -> str:
    if what.kind == "reply":
        return f'{{"type":"wirebell.reply","ref":{ref},"data":{what.what}}}'
    message = json.dumps(_WORDS.get(what.what, "the event was rejected"))
    return f'{{"type":"wirebell.error","code":"{what.what}","message":{message},"ref":{ref}}}'
