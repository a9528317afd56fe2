"""Publishing to a real Redis: the stored log, and the announcements."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from announcement import Announcement
from api_styles import ApiStyle
from redis_servers import Redis

from wirebell import AsyncPublisher, Event, LogRule, Retention, Unavailable


def log(redis: Redis, channel: str) -> list[tuple[str, dict[str, str]]]:
    with closing(redis.client()) as client:
        found: Any = client.xrange(f"wb:{{{channel}}}:log")
    return list(found)


def test_event_is_logged_and_announced_with_the_same_frame(api: ApiStyle, redis: Redis) -> None:
    event = Event("user:alone", "payment-status", {"status": "päid"}, id="order 7", source="pay", receipt=True)
    with closing(redis.client()) as client, client.pubsub() as subscription, api.publisher(redis.url) as wb:
        subscription.ssubscribe("wb:{user:alone}:announce")
        assert subscription.get_sharded_message(timeout=5)
        published = wb.publish(event)
        message: Any = subscription.get_sharded_message(ignore_subscribe_messages=True, timeout=5)
    read = Announcement.read(message["data"])
    ((cursor, fields),) = log(redis, "user:alone")
    assert (published.id, str(published.cursor), published.nodes) == ("order 7", cursor, 1)
    assert (read.channel, read.class_, read.cursor, read.watched) == ("user:alone", "durable", cursor, "order 7")
    time = re.search(r'"time":"[^"]+"', read.frame)
    assert time is not None
    assert read.frame == (
        '{"type":"payment-status","id":"order 7","channel":"user:alone","cursor":"'
        + cursor
        + '",'
        + time[0]
        + ',"source":"pay","data":{"status":"päid"},"ack":true}'
    )
    assert fields["h"] + f',"cursor":"{cursor}"' + fields["t"] == read.frame


def test_repeated_id_has_no_effect(api: ApiStyle, redis: Redis) -> None:
    event = Event("user:42", "t", 1, id="once")
    with api.publisher(redis.url) as wb:
        first, second = wb.publish(event), wb.publish(event)
        assert (first.id, first.channels) == (second.id, second.channels)
    assert len(log(redis, "user:42")) == 1


def test_event_without_an_id_gets_a_unique_ulid(api: ApiStyle, redis: Redis) -> None:
    event = Event("user:42", "t", 1)
    with api.publisher(redis.url) as wb:
        ids = {wb.publish(event).id for _ in range(10)}
    assert len(ids) == 10
    assert all(re.fullmatch(r"0[0-9A-HJKMNP-TV-Z]{25}", one) for one in ids)


def test_result_has_every_channel_in_order(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        published = wb.publish(Event(["user:2", "user:1", "user:2"], "t", 1))
    assert [reached.channel for reached in published.channels] == ["user:2", "user:1"]
    assert published.cursor is None
    for reached in published.channels:
        assert [cursor for cursor, _ in log(redis, reached.channel)] == [str(reached.cursor)]


def test_publish_all_keeps_the_order(api: ApiStyle, redis: Redis) -> None:
    events = [Event(f"user:{number % 3}", "t", number) for number in range(1_000)]
    with api.publisher(redis.url) as wb:
        answers = wb.publish_all(events)
    assert [answer.channels[0].channel for answer in answers] == [f"user:{number % 3}" for number in range(1_000)]
    for user in range(3):
        data = [int(re.findall(r'"data":(\d+)', fields["t"])[0]) for _, fields in log(redis, f"user:{user}")]
        assert data == list(range(user, 1_000, 3))


def test_event_that_redis_rejects_does_not_block_the_others(api: ApiStyle, redis: Redis) -> None:
    redis.ask("SET", "wb:{user:2}:log", "not a Stream")
    with api.publisher(redis.url) as wb:
        first, second, third = wb.publish_all([Event(f"user:{number}", "t", 1) for number in (1, 2, 3)])
    assert first.cursor is not None
    assert third.cursor is not None
    assert second.code == "WRONGTYPE"


def test_invalid_event_does_not_block_the_others(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        first, second, third = wb.publish_all(
            [Event("user:42", "t", 1), {"to": "42", "type": "t", "data": 2}, {"to": "user:42", "type": "t", "data": 3}]
        )
    assert first.cursor < third.cursor
    assert (second.code, second.attribute) == ("invalid_event", "to")
    assert len(log(redis, "user:42")) == 2


def test_retained_and_volatile_events_are_not_logged(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        for balance in (1, 2):
            wb.publish(Event("user:42", "account", balance, class_="retained", key="balance"))
        assert wb.publish(Event("user:42", "typing", None, class_="volatile")).cursor is None
    values = redis.client().hgetall("wb:{user:42}:retained")
    assert list(values) == ["balance"]
    assert values["balance"].endswith('"key":"balance","data":2}')
    assert log(redis, "user:42") == []


def test_retention_and_log_rules_are_applied(api: ApiStyle, redis: Redis) -> None:
    options = {
        "retention": Retention(log_age=timedelta(hours=2), seen=timedelta(seconds=30)),
        "log_rules": [LogRule("topic:chat-*", 50, timedelta(minutes=1))],
        "prefix": "shop",
    }
    with api.publisher(redis.url, **options) as wb:
        wb.publish_all([Event(to, "t", 1, id="e") for to in ("topic:chat-1", "topic:news")])
    for key, millis in (
        ("shop:{topic:chat-1}:log", 60_000),
        ("shop:{topic:news}:log", 7_200_000),
        ("shop:{topic:news}:seen:e", 30_000),
    ):
        # The scripts keep a log up to 1/32 longer.
        assert millis - 5_000 < redis.ask("PTTL", key) <= millis * 33 / 32, key


def test_flushed_scripts_are_loaded_again(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        wb.publish(Event("user:42", "t", 1))
        redis.ask("SCRIPT", "FLUSH")
        answers = wb.publish_all([Event("user:42", "t", number, receipt=True) for number in range(3)])
    assert [answer.cursor for answer in answers] == sorted(answer.cursor for answer in answers)
    assert len(log(redis, "user:42")) == 4


def test_replicated_event_fails_without_a_replica(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url, timeout=0.6) as wb:
        with pytest.raises(Unavailable, match="no replica confirmed the event"):
            wb.publish(Event("user:42", "t", 1, id="kept", durability="replicated"))
        # The event is stored, and publishing it again has no effect.
        assert wb.publish(Event("user:42", "t", 1, id="kept")).cursor is not None
    assert len(log(redis, "user:42")) == 1


def test_default_durability_applies_to_stored_events(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url, timeout=0.4, durability="replicated") as wb:
        wb.publish(Event("user:42", "t", 1, class_="volatile"))
        wb.publish(Event("user:42", "t", 1, durability="primary"))
        with pytest.raises(Unavailable):
            wb.publish(Event("user:42", "t", 1))


def test_broken_connection_is_replaced(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        first = wb.publish(Event("user:42", "t", 1))
        redis.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        begun = time.monotonic()
        assert wb.publish(Event("user:42", "t", 1)).cursor > first.cursor
        assert time.monotonic() - begun < 2.0


def test_many_tasks_share_a_bounded_number_of_connections(redis: Redis) -> None:
    def connections() -> int:
        with closing(redis.client()) as client:
            return len(client.client_list())

    async def publish() -> int:
        before = connections()
        async with AsyncPublisher(redis.url) as wb:
            await asyncio.gather(*(wb.publish(Event("user:42", "t", number)) for number in range(500)))
            return connections() - before

    assert 1 <= asyncio.run(publish()) <= 20
    assert len(log(redis, "user:42")) == 500
