"""An inbox event, as a handler gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._protocol import raw_json
from .._protocol.inbox import InboxEntry
from .._redis.streams import Entry


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """An event from a client, or a presence event from a node: `user.online`, `user.offline`.

    The node sets the user, the connection and the device from the session. A client cannot choose them.
    """

    id: str
    """The event's id. It is the same in every attempt."""
    type: str
    user: str
    """The user of the session, as its token says."""
    at: int
    """When the bus accepted it, in milliseconds since the Unix epoch, by the bus's clock."""
    data: Any = field(repr=False)
    """The client's data; `None` if there is none."""
    json: str = field(repr=False)
    """The data in JSON, byte for byte."""
    tries: int
    """The number of this attempt, from 1."""
    connection: str | None = None
    """The id of the connection; `conn:<connection>` is its channel. `None` for a presence event."""
    device: str | None = None
    """The device, if the token names one."""
    traceparent: str | None = None
    """W3C trace context, if the client sent one."""


@dataclass(frozen=True, slots=True)
class InboxJob:
    """An event, and the `ref` under which its connection waits for a reply."""

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
        """Reads a stream entry. Returns `None` if it is not an inbox entry."""
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
