"""Delivery classes and durability."""

from __future__ import annotations

from .text_enum import TextEnum


class Class(TextEnum):
    """How an event is stored, and what happens if a client is slow."""

    DURABLE = "durable"
    """Stored in the channel's log. Every device receives it, in order, also after a disconnect."""
    RETAINED = "retained"
    """The last event of each key is stored. Clients that connect later receive it too."""
    VOLATILE = "volatile"
    """Not stored. Only connected clients receive it."""


class Durability(TextEnum):
    """When an event counts as published."""

    PRIMARY = "primary"
    """The primary has the event."""
    REPLICATED = "replicated"
    """A replica has the event too, so a failover does not lose it."""
