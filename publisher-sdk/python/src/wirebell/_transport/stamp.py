"""Gives events their id and time once, before the first attempt, so every attempt sends the same event."""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timezone

from .._protocol.event import Event
from .._protocol.timestamps import write
from .._protocol.ulid import ulid


def new_id() -> str:
    """Returns a new ULID."""
    return ulid(time.time_ns() // 1_000_000, secrets.randbits(80))


def stamp(event: Event) -> Event:
    """Returns the event with a ULID and the current time, unless it has its own."""
    if event.id is not None and event.time is not None:
        return event
    return event.stamped(new_id(), write(datetime.now(timezone.utc)))
