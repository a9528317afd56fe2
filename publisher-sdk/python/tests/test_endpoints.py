"""Sentinels and Clusters: failovers, moving slots, passwords."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from api_styles import ApiStyle
from redis_servers import Cluster, Redis, Sentinels, eventually, running

from wirebell import Event, Unavailable


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running(Cluster()) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sentinels() -> Iterator[Sentinels]:
    with running(Sentinels()) as sentinels:
        yield sentinels


def logged(redis: Redis, channel: str) -> list[int]:
    with closing(redis.client()) as client:
        rows: Any = client.xrange(f"wb:{{{channel}}}:log")
    return [int(re.findall(r'"data":(\d+)', fields["t"])[0]) for _, fields in rows]


def test_sentinels_name_the_primary(api: ApiStyle, sentinels: Sentinels) -> None:
    channel = f"user:{api.name}"
    with api.publisher(sentinels.url) as wb:
        assert wb.publish(Event(channel, "t", 1, durability="replicated")).cursor is not None
        assert logged(sentinels.primary, channel) == [1]
        replica = next(server for server in sentinels.servers if server is not sentinels.primary)
        assert logged(replica, channel) == [1]


def test_unknown_sentinel_service_raises_unavailable(api: ApiStyle, sentinels: Sentinels) -> None:
    url = sentinels.url.replace("sentinelServiceName=wirebell", "sentinelServiceName=other")
    with api.publisher(url, timeout=0.5) as wb, pytest.raises(Unavailable, match="do not know the service `other`"):
        wb.publish(Event("all", "t", 1))


def test_publishing_survives_a_failover(api: ApiStyle, sentinels: Sentinels) -> None:
    if api.name == "blocking":
        pytest.skip("it takes long, and what finds the new primary is the same")
    channel = f"user:failover-{api.name}"
    before = sentinels.primary
    with api.publisher(sentinels.url, timeout=20.0) as wb:
        assert wb.publish(Event(channel, "t", 0, durability="replicated"))
        sentinels.sentinels[0].ask("SENTINEL", "FAILOVER", "wirebell")
        number = 1
        while sentinels.primary is before or number < 50:
            assert wb.publish(Event(channel, "t", number, durability="replicated")).cursor is not None
            number += 1
        assert wb.publish(Event(channel, "t", number)).cursor is not None
    # The new primary has each event once and in order.
    assert logged(sentinels.primary, channel) == list(range(number + 1))
    eventually("the other follows", lambda: sentinels.sentinels[0].ask("INFO", "sentinel"))


def test_sentinels_and_servers_may_have_passwords(api: ApiStyle) -> None:
    with running(Sentinels("pass of the data", "pass-of-the-sentinels")) as sentinels:
        url = sentinels.url.replace("pass of the data", "pass%20of%20the%20data")
        with api.publisher(url) as wb:
            assert wb.publish(Event("user:42", "t", 1, receipt=True)).cursor is not None
        assert logged(sentinels.primary, "user:42") == [1]


def test_event_goes_to_the_server_of_its_slot(api: ApiStyle, cluster: Cluster) -> None:
    channels = [f"user:{api.name}-{number}" for number in range(60)]
    with api.publisher(cluster.url) as wb:
        published = wb.publish(Event(channels, "t", 7, receipt=True))
        assert [reached.channel for reached in published.channels] == channels
        answers = wb.publish_all([Event(channel, "t", 8) for channel in channels])
        assert all(answer.cursor is not None for answer in answers)
        receipts = wb.receipts(published.id)
        assert [receipt.channel for receipt in receipts] == sorted(channels)
    owners = [cluster.owner(f"wb:{{{channel}}}:log") for channel in channels]
    assert len({owner.port for owner in owners}) == 3
    for channel, owner in zip(channels, owners, strict=True):
        assert logged(owner, channel) == [7, 8]


def test_enqueued_events_follow_a_moving_slot(api: ApiStyle, cluster: Cluster) -> None:
    channel = f"user:moving-{api.name}"
    key = f"wb:{{{channel}}}:log"
    done = threading.Event()
    with api.publisher(cluster.url) as wb, api.publisher(cluster.url) as reader:
        tracked = reader.publish(Event(channel, "t", 1_000, receipt=True))

        def enqueue() -> None:
            for number in range(400):
                assert wb.enqueue(Event(channel, "t", number))
                time.sleep(0.002)
            done.set()

        thread = threading.Thread(target=enqueue)
        thread.start()
        time.sleep(0.2)
        before = cluster.owner(key)
        cluster.move(key)
        assert cluster.owner(key) is not before
        thread.join()
        assert wb.flush(20.0)
        assert wb.counters.published == 400
        # A publisher that only reads finds the new server too.
        assert reader.receipts(tracked.id)[0].state == "accepted"
    assert done.is_set()
    assert logged(cluster.owner(key), channel) == [1_000, *range(400)]


def test_receipts_and_fallbacks_are_read_from_all_shards(api: ApiStyle, cluster: Cluster) -> None:
    with api.publisher(cluster.url) as wb, wb.follow() as updates:
        assert updates.next(0.3) is None
        ids = [
            wb.publish(Event(f"user:{number}", "t", 1, deliver_at="2999-01-01T00:00:00Z", receipt=True)).id
            for number in range(12)
        ]
        assert [wb.cancel(one) for one in ids] == ["cancelled"] * 12
        received = [updates.next(10.0) for _ in range(12)]
        assert sorted(one.id for one in received) == sorted(ids)
        assert {one.outcome.value for one in received} == {"cancelled"}
    with api.fallbacks(cluster.url, "sms") as worker:
        assert worker.next(0.3) is None
        assert (worker.backlog().lag, worker.backlog().pending, worker.backlog().dead) == (0, 0, 0)


def test_replica_replaces_a_dead_primary(api: ApiStyle) -> None:
    if api.name == "asyncio":
        pytest.skip("it takes long, and what finds the new primary is the same")
    with running(Cluster(replicas=True)) as cluster, api.publisher(cluster.url, timeout=20.0) as wb:
        key = "wb:{user:42}:log"
        owner = cluster.owner(key)
        for number in range(20):
            wb.publish(Event("user:42", "t", number, durability="replicated"))
        owner.kill()
        for number in range(20, 30):
            assert wb.enqueue(Event("user:42", "t", number))
        assert wb.publish(Event("user:43", "t", 1)).cursor is not None
        assert wb.flush(20.0)
        survivor = next(index for index, node in enumerate(cluster.nodes) if node is not owner)
        eventually("a replica has taken over", lambda: cluster.owner(key, survivor) is not owner)
        assert logged(cluster.owner(key, survivor), "user:42") == list(range(30))
