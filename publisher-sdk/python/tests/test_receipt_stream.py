"""The stream of receipts, with a real node and real devices."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

from api_styles import ApiStyle
from redis_servers import Redis
from wirebell_node import Node, acknowledging

from wirebell import Event, State


def test_stream_returns_updates_alone_and_in_a_group(api: ApiStyle, redis: Redis, node: Node, user: str) -> None:
    with closing(node.device(user, "phone")) as device, api.publisher(redis.url) as wb:
        with wb.follow() as now, wb.follow("orders", only=lambda update: update.channel == f"user:{user}") as group:
            assert now.next(0.3) is None
            with acknowledging(device, wanted=3):
                ids = [wb.publish(Event(f"user:{user}", "t", number, receipt=True)).id for number in range(3)]
                wb.publish(Event(f"user:{user}-away", "t", 1, deadline=1))
            updates = {one.id: one for one in (group.next(20.0) for _ in range(3))}
            assert set(updates) == set(ids)
            assert {one.outcome for one in updates.values()} == {State.ACKNOWLEDGED}
            received = [now.next(20.0) for _ in range(4)]
            assert sorted(one.outcome for one in received) == ["acknowledged"] * 3 + ["fallen_back"]
            group.commit()
        # Another reader of the group begins where that one ended.
        with wb.follow("orders", only=lambda update: update.channel == f"user:{user}") as again:
            assert again.next(0.5) is None
        with wb.follow("others") as others:
            assert len({others.next(5.0).id for _ in range(4)}) == 4


def test_unacknowledged_update_stays_pending_in_the_group(api: ApiStyle, redis: Redis, node: Node, user: str) -> None:
    with closing(node.device(user, "phone")) as device, api.publisher(redis.url) as wb:
        with acknowledging(device):
            wb.publish(Event(f"user:{user}", "t", 1, receipt=True)).acknowledged(10.0)
        reader = wb.follow("orders")
        update = reader.next(10.0)
        assert update.channel == f"user:{user}"
        assert pending(redis) == 1
        reader.commit()
        assert pending(redis) == 0
        reader.close()
        assert reader.next() is None


def pending(redis: Redis) -> int:
    with closing(redis.client()) as client:
        counts: list[Any] = [client.xpending(f"wb:{{due:{shard}}}:receipts", "orders") for shard in range(8)]
    return sum(one["pending"] for one in counts)


def test_close_ends_the_iteration(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        reader = wb.follow("orders")
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.extend(reader))
        thread.start()
        time.sleep(0.3)
        reader.close()
        thread.join(5)
        assert (thread.is_alive(), found) == (False, [])
