"""Stamping: an event gets its id and its time once, before the first try, so that every try is the same event."""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timezone

from .._protocol.event import Event
from .._protocol.timestamps import write
from .._protocol.ulid import ulid


def new_id() -> str:
    """An id that nobody else makes."""
    return ulid(time.time_ns() // 1_000_000, secrets.randbits(80))


def stamp(event: Event) -> Event:
    """Gives the event a ULID and the time of now where it has none of its own."""
    if event.id is not None and event.time is not None:
        return event
    return event.stamped(new_id(), write(datetime.now(timezone.utc)))
