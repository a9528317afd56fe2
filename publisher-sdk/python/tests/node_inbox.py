"""Does what a node does when a client emits, with the script of the protocol; reads messages to a node."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from redis_servers import Redis
from wirebell_node import ROOT

from wirebell._protocol.keys import shard_of

CONNECTION = "k3j9x2ma.1f"
_EMIT = "".join((ROOT / f"protocol/src/inbox/{name}.lua").read_text() for name in ("append", "emit"))


def stream_of(user: str) -> str:
    return f"wb:{{inbox:{shard_of(user)}}}:events"


def emit(
    redis: Redis,
    user: str,
    data: object = None,
    *,
    type: str = "send-message",
    text: str | None = None,
    id: str | None = None,
    ref: str = "",
    connection: str = CONNECTION,
    **more: str,
) -> list[str]:
    """Emits as a client of the connection, and returns the reply of the script."""
    keys = [stream_of(user)]
    if id is not None:
        keys.append(f"wb:{{inbox:{shard_of(user)}}}:seen:{user} {id}")
    fields = {"id": id or secrets.token_hex(8), "type": type, "user": user, "data": text or json.dumps(data), **more}
    words = [word for pair in fields.items() for word in pair]
    return list(
        redis.ask("EVAL", _EMIT, len(keys), *keys, 1_000, 3_600_000, 600_000, connection, ref, *words),
    )


class NodeMessages:
    """The messages to the node of a connection."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    def next(self, within: float = 5.0) -> str:
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            message = self._subscription.get_sharded_message(timeout=left, ignore_subscribe_messages=True)
            if message is not None:
                return str(message["data"])
        raise AssertionError(f"no message to the node within {within} s")

    def frame(self, within: float = 5.0) -> dict[str, Any]:
        return dict(json.loads(self.next(within).partition("\n")[2]))

    def nothing(self, for_: float = 0.3) -> bool:
        try:
            self.next(for_)
        except AssertionError:
            return True
        return False


@contextmanager
def node_messages(redis: Redis, connection: str = CONNECTION) -> Iterator[NodeMessages]:
    """Subscribes as the node of the connection."""
    with closing(redis.client()) as client, closing(client.pubsub()) as subscription:
        subscription.ssubscribe(f"wb:{{node:{connection.partition('.')[0]}}}:announce")
        # The confirmation of the subscription.
        subscription.get_sharded_message(timeout=5.0)
        yield NodeMessages(subscription)
