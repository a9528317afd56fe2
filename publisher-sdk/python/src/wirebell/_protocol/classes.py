"""How an event is kept, and when it counts as published."""

from __future__ import annotations

from .text_enum import TextEnum


class Class(TextEnum):
    """How an event is kept, and what happens when a client is slow."""

    DURABLE = "durable"
    """In the channel's log; every device, in order, also after it was away."""
    RETAINED = "retained"
    """The last one per key, also for whoever connects later."""
    VOLATILE = "volatile"
    """Not stored; whoever is connected now."""


class Durability(TextEnum):
    """When an event counts as published."""

    PRIMARY = "primary"
    """The primary has it."""
    REPLICATED = "replicated"
    """A replica has it too, so that a failover does not lose it."""
