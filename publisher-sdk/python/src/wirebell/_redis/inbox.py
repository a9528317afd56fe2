"""The inbox in Redis: being done with an entry, and telling the node of its connection."""

from __future__ import annotations

from collections.abc import Sequence

from .._protocol import inbox
from .._protocol.inbox import Answer, InboxPlace, Told
from .bus import RedisBus
from .routes import call, command
from .verdicts import strange


async def finish(
    bus: RedisBus,
    place: InboxPlace,
    of: tuple[str, str] | None,
    what: Answer | None,
    dead: Sequence[str] | None = None,
) -> Told:
    """Finishes with an entry, once; says who is to be told."""
    found = await bus.ask_one(call(inbox.answer(bus.options.keys, place, of, what, dead)))
    try:
        return inbox.read_told(found)
    except ValueError as error:
        raise strange(str(error)) from None


async def tell(bus: RedisBus, connection: str, ref: str, what: Answer) -> None:
    """Tells the node of that connection; a node that is gone is no failure."""
    channel = bus.options.keys.announce_to(connection)
    await bus.ask_one(command("SPUBLISH", channel, inbox.reply_message(connection, ref, what)))
