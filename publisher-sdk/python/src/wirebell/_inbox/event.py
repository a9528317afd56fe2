"""An event in the inbox, as a handler gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._protocol import raw_json
from .._protocol.inbox import InboxEntry
from .._redis.streams import Entry


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """What a client has emitted, or what a node tells of a user's presence: `user.online`, `user.offline`.

    The user, the connection and the device are what the node knows of them, and nothing that a client could say of
    itself.
    """

    id: str
    """The event's id: the same however often it is handed out."""
    type: str
    user: str
    """Whose session it was, as its token says."""
    at: int
    """When the bus took it, in milliseconds since the Unix epoch, by the bus' clock."""
    data: Any = field(repr=False)
    """What the client gave; none where it gave nothing."""
    json: str = field(repr=False)
    """The same in JSON, byte for byte."""
    tries: int
    """Which try this is, from 1."""
    connection: str | None = None
    """Over which connection: `conn:<connection>` is its channel. None where no client has emitted it."""
    device: str | None = None
    """From which device, if the token names it."""
    traceparent: str | None = None
    """W3C trace context, if the client gave one."""


@dataclass(frozen=True, slots=True)
class InboxJob:
    """An event, and by which name its connection waits for an answer."""

    event: InboxEvent
    ref: str | None

    @property
    def id(self) -> str:
        return self.event.id

    @property
    def tries(self) -> int:
        return self.event.tries

    @classmethod
    def read(cls, entry: Entry) -> InboxJob | None:
        """None if it is not an entry of the inbox."""
        try:
            found = InboxEntry.read(entry.fields)
            event = InboxEvent(
                id=found.id,
                type=found.type,
                user=found.user,
                at=found.at,
                data=raw_json.read(found.data),
                json=found.data,
                tries=entry.tries,
                connection=found.connection,
                device=found.device,
                traceparent=found.traceparent,
            )
        except (KeyError, ValueError, RecursionError):
            return None
        return cls(event, found.ref)
