"""Reads receipts from the JSON of the server API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._protocol.cursor import Cursor
from .._protocol.receipt import Acknowledged, ConnectionState, ConnectionStatus, Receipt, State


def receipt(written: Mapping[str, Any]) -> Receipt:
    """Reads one receipt. Raises `KeyError`, `TypeError` or `ValueError` if it is invalid."""
    cursor = written.get("cursor")
    return Receipt(
        channel=str(written["channel"]),
        state=State(written["state"]),
        deliver_at=written.get("deliver_at"),
        accepted_at=written.get("accepted_at"),
        cursor=None if cursor is None else Cursor.parse(cursor),
        nodes=int(written.get("nodes", 0)),
        expires_at=written.get("expires_at"),
        deadline_at=written.get("deadline_at"),
        closes_at=written.get("closes_at"),
        settled_at=written.get("settled_at"),
        connections=tuple(_connection_status(one) for one in written["connections"]),
        more_connections=int(written.get("more_connections", 0)),
        acknowledged=tuple(
            Acknowledged(one["device"], one["connection"], int(one["at"])) for one in written["acknowledged"]
        ),
    )


def _connection_status(written: Mapping[str, Any]) -> ConnectionStatus:
    return ConnectionStatus(
        written["connection"], written.get("device"), ConnectionState(written["what"]), int(written["at"])
    )
