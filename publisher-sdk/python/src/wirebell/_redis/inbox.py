"""Inbox operations in Redis: finishing an entry, and sending a reply to the node of a connection."""

from __future__ import annotations

from collections.abc import Sequence

from .._protocol import inbox
from .._protocol.inbox import EmitterReply, FinishResult, InboxPosition
from .bus import RedisBus
from .failures import unexpected_reply
from .routes import command, script_command


async def finish_entry(
    bus: RedisBus,
    position: InboxPosition,
    of: tuple[str, str] | None,
    what: EmitterReply | None,
    dead: Sequence[str] | None = None,
) -> FinishResult:
    """Finishes an entry once, and returns which connection waits for a reply."""
    found = await bus.execute_one(script_command(inbox.finish_call(bus.options.keys, position, of, what, dead)))
    try:
        return inbox.read_finish_result(found)
    except ValueError as error:
        raise unexpected_reply(str(error)) from None


async def send_reply(bus: RedisBus, connection: str, ref: str, what: EmitterReply) -> None:
    """Sends the reply to the connection's node. A node that is gone is not a failure."""
    channel = bus.options.keys.announce_to(connection)
    await bus.execute_one(command("SPUBLISH", channel, inbox.reply_message(connection, ref, what)))
