"""Receipts: the state of an event on one channel, read from its delivery record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .cursor import Cursor
from .text_enum import TextEnum


class State(TextEnum):
    """The state of an event on one channel."""

    SCHEDULED = "scheduled"
    """Its `deliver_at` has not come."""
    CANCELLED = "cancelled"
    """It was cancelled before its `deliver_at`."""
    ACCEPTED = "accepted"
    """The bus has it, and no device has acknowledged it yet."""
    ACKNOWLEDGED = "acknowledged"
    """A device acknowledged it in time."""
    FALLEN_BACK = "fallen_back"
    """It was added to the fallback stream at its deadline."""
    EXPIRED = "expired"
    """No device acknowledged it in time."""

    @property
    def is_final(self) -> bool:
        """Whether this state never changes again."""
        return self not in (State.SCHEDULED, State.ACCEPTED)

    is_settled = is_final
    """The former name of `is_final`."""


class ConnectionState(TextEnum):
    """The state of an event on one connection."""

    WRITTEN = "written"
    DROPPED = "dropped"
    """The connection's send buffer was full, and the event's class allows dropping."""
    EXPIRED = "expired"
    """The event had expired."""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The state of an event on one connection, and when it was reached."""

    connection: str
    device: str | None
    what: ConnectionState
    at: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The acknowledgement of one device."""

    device: str
    """The device, as its token names it; the connection id if the token names none."""
    connection: str
    at: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of an event on one channel. Times are in milliseconds since the Unix epoch, by the bus's clock."""

    channel: str
    state: State
    deliver_at: int | None
    """When it is published, if it was scheduled."""
    accepted_at: int | None
    cursor: Cursor | None
    nodes: int
    """Nodes that were subscribed when it was published."""
    expires_at: int | None
    deadline_at: int | None
    """When it goes to the fallback stream, unless a device acknowledges it before."""
    closes_at: int | None
    """Until when an acknowledgement is possible, if there is no deadline."""
    settled_at: int | None
    """When its state became final; `None` while it is `scheduled` or `accepted`."""
    connections: tuple[ConnectionStatus, ...]
    """The state on each connection, in order of time."""
    more_connections: int
    """Connections beyond those that are listed."""
    acknowledged: tuple[Acknowledged, ...]
    """The acknowledgements of devices, in order of time."""


def read(channel: str, record: Mapping[str, str]) -> Receipt | None:
    """Reads a delivery record. Returns `None` if there is none."""
    if "answer" not in record and "deliver_at" not in record:
        return None
    state, settled_at = _state(record)
    deadline_at = _number(record, "deadline")
    statuses = [_connection_status(name[2:], value) for name, value in record.items() if name.startswith("c:")]
    acknowledged = [_acknowledged(name[2:], value) for name, value in record.items() if name.startswith("a:")]
    return Receipt(
        channel=channel,
        state=state,
        deliver_at=_number(record, "deliver_at"),
        accepted_at=_number(record, "accepted"),
        cursor=_cursor(record),
        nodes=_number(record, "nodes") or 0,
        expires_at=_number(record, "expires"),
        deadline_at=deadline_at,
        closes_at=_number(record, "closes") if deadline_at is None else None,
        settled_at=settled_at,
        connections=tuple(sorted(filter(None, statuses), key=lambda it: (it.at, it.connection))),
        more_connections=_number(record, "more") or 0,
        acknowledged=tuple(sorted(filter(None, acknowledged), key=lambda it: (it.at, it.device))),
    )


def _state(record: Mapping[str, str]) -> tuple[State, int | None]:
    """Returns the first final state. An acknowledgement after the deadline is recorded but does not change it."""
    ends = (("fallen", State.FALLEN_BACK), ("expired", State.EXPIRED), ("acked", State.ACKNOWLEDGED))
    for name, state in ends:
        if name in record:
            return state, _number(record, name)
    if "answer" in record:
        return State.ACCEPTED, None
    if "cancelled" in record:
        return State.CANCELLED, _number(record, "cancelled")
    return State.SCHEDULED, None


def _number(record: Mapping[str, str], name: str) -> int | None:
    text = record.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _cursor(record: Mapping[str, str]) -> Cursor | None:
    try:
        return Cursor.parse(record.get("cursor", ""))
    except ValueError:
        return None


def _connection_status(connection: str, value: str) -> ConnectionStatus | None:
    at, what, device = ([*value.split(" ", 2), "", ""])[:3]
    try:
        return ConnectionStatus(connection, device or None, ConnectionState(what), int(at))
    except ValueError:
        return None


def _acknowledged(device: str, value: str) -> Acknowledged | None:
    at, _, connection = value.partition(" ")
    try:
        return Acknowledged(device, connection, int(at))
    except ValueError:
        return None
