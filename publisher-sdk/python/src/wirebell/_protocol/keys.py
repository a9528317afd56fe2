"""The names of keys and channels in Redis. All keys of a channel share a hash tag, so one script can use them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .channel import connection

SHARDS = range(8)
"""The shards of timers, receipts, fallbacks and the inbox."""

_PREFIX = re.compile(r"[a-zA-Z0-9_.-]{1,32}")


def shard_of(id_: str) -> int:
    """Returns the shard of an event or of a user's inbox: the FNV-1a hash of the id."""
    hashed = 0x811C9DC5
    for byte in id_.encode():
        hashed = (hashed ^ byte) * 0x01000193 & 0xFFFFFFFF
    return hashed % len(SHARDS)


@dataclass(frozen=True, slots=True)
class Keys:
    """Builds names with a prefix, which separates installations that share a Redis."""

    prefix: str = "wb"

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError("expected 1 to 32 characters of `a-z`, `A-Z`, `0-9`, `_`, `-` and `.`")

    def log(self, channel: str) -> str:
        return self._channel_key(channel, "log")

    def end(self, channel: str) -> str:
        return self._channel_key(channel, "end")

    def seen(self, channel: str, event_id: str) -> str:
        return f"{self._channel_key(channel, 'seen')}:{event_id}"

    def retained(self, channel: str) -> str:
        return self._channel_key(channel, "retained")

    def record(self, channel: str, event_id: str) -> str:
        return f"{self._channel_key(channel, 'record')}:{event_id}"

    def tracked(self, channel: str) -> str:
        return self._channel_key(channel, "watched")

    def announce(self, channel: str) -> str:
        """The pub/sub channel of a channel. All connections of a node share the node's."""
        at = connection(channel)
        return f"{self.prefix}:{{{channel}}}:announce" if at is None else self._node_key(at[0])

    def announce_to(self, connection_id: str) -> str:
        """The pub/sub channel of the connection's node."""
        return self._node_key(connection_id.partition(".")[0])

    def timers(self, shard: int) -> str:
        return self._shard_key(shard, "timers")

    def fallback(self, shard: int) -> str:
        return self._shard_key(shard, "fallback")

    def dead_letters(self, shard: int) -> str:
        return self._shard_key(shard, "dead")

    def receipts(self, shard: int) -> str:
        return self._shard_key(shard, "receipts")

    def fallen(self, shard: int) -> str:
        return self._shard_key(shard, "fallen")

    def channels(self, event_id: str) -> str:
        """The channels of a tracked event. Its id is enough to find them."""
        return f"{self._shard_key(shard_of(event_id), 'channels')}:{event_id}"

    def inbox(self, shard: int) -> str:
        """The stream of client events. A user's events are in the shard of the user's id."""
        return self._inbox_key(shard, "events")

    def inbox_dead(self, shard: int) -> str:
        return self._inbox_key(shard, "dead")

    def emitted(self, shard: int, user: str, event_id: str) -> str:
        """What is stored about an event id that a user's client chose."""
        return f"{self._inbox_key(shard, 'seen')}:{user} {event_id}"

    def _inbox_key(self, shard: int, what: str) -> str:
        return f"{self.prefix}:{{inbox:{shard}}}:{what}"

    def _node_key(self, node: str) -> str:
        return f"{self.prefix}:{{node:{node}}}:announce"

    def _channel_key(self, channel: str, what: str) -> str:
        at = connection(channel)
        if at is not None:
            node, number = at
            return f"{self.prefix}:{{node:{node}}}:{what}:{number}"
        return f"{self.prefix}:{{{channel}}}:{what}"

    def _shard_key(self, shard: int, what: str) -> str:
        return f"{self.prefix}:{{due:{shard}}}:{what}"


def barrier(beside: str) -> str:
    """A key in the slot of another key. It is written before `WAIT`, so that there is something to replicate."""
    tag, brace, _ = beside.partition("}")
    return f"{tag}{brace}:barrier"
