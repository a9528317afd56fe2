"""Tracking, with a real node and real devices."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from api_styles import ApiStyle
from conftest import TransportCase
from redis_servers import Redis, eventually
from wirebell_node import SERVICE_KEY, Node, acknowledging

import wirebell
from wirebell import Event, RawJson, State


def test_client_receives_the_data_byte_for_byte(api: ApiStyle, case: TransportCase, node: Node, user: str) -> None:
    data = RawJson('{ "b": 1.00,  "a":"\\u00e9é" }')
    with closing(node.device(user, "phone")) as device, api.publisher(case.url, **case.options) as wb:
        published = wb.publish(Event(f"user:{user}", "t", data, id="e 1", time="2026-11-21T10:00:00Z"))
        assert published.nodes == 1
        assert device.text() == (
            f'{{"type":"t","id":"e 1","channel":"user:{user}","cursor":"{published.cursor}",'
            '"time":"2026-11-21T10:00:00Z","data":{ "b": 1.00,  "a":"\\u00e9é" }}'
        )


def test_enqueued_events_reach_a_client(api: ApiStyle, case: TransportCase, node: Node, user: str) -> None:
    with closing(node.device(user, "phone")) as device, api.publisher(case.url, **case.options) as wb:
        for number in range(50):
            assert wb.enqueue({"to": f"user:{user}", "type": "t", "data": number})
        assert [device.next()["data"] for _ in range(50)] == list(range(50))


def test_acknowledgement_names_the_device(api: ApiStyle, case: TransportCase, node: Node, user: str) -> None:
    with closing(node.device(user, "phone")) as device, api.publisher(case.url, **case.options) as wb:
        with acknowledging(device) as seen:
            published = wb.publish(Event(f"user:{user}", "t", 1, receipt=True))
            acknowledgement = published.acknowledged(timeout=10.0)
        assert (acknowledgement.id, acknowledgement.channel) == (published.id, f"user:{user}")
        assert acknowledgement.device == "phone"
        assert abs(acknowledgement.at - time.time() * 1_000) < 60_000
        assert seen[0]["ack"] is True
        (receipt,) = wb.receipts(published.id)
        assert (receipt.state, receipt.cursor) == (State.ACKNOWLEDGED, published.cursor)
        assert [one.device for one in receipt.acknowledged] == ["phone"]
        eventually("it is noted that it was written", lambda: wb.receipts(published.id)[0].connections)
        assert wb.receipts(published.id)[0].connections[0].what == "written"


def test_first_acknowledgement_of_several_channels_counts(
    api: ApiStyle, case: TransportCase, node: Node, user: str
) -> None:
    with closing(node.device(user, "phone")) as device, api.publisher(case.url, **case.options) as wb:
        with acknowledging(device):
            published = wb.publish(Event([f"user:{user}-away", f"user:{user}"], "t", 1, receipt=True))
            assert published.acknowledged(10.0).channel == f"user:{user}"
        states = {receipt.channel: receipt.state for receipt in wb.receipts(published.id)}
        assert states == {f"user:{user}-away": State.ACCEPTED, f"user:{user}": State.ACKNOWLEDGED}


def test_missing_acknowledgement_raises_not_in_time(api: ApiStyle, case: TransportCase, user: str) -> None:
    with api.publisher(case.url, **case.options) as wb:
        published = wb.publish(Event(f"user:{user}", "t", 1, receipt=True))
        begun = time.monotonic()
        with pytest.raises(wirebell.NotInTime) as raised:
            published.acknowledged(1.0)
        assert 0.9 < time.monotonic() - begun < 2.5
        assert (raised.value.code, raised.value.after) == ("not_in_time", 1.0)


def test_passed_deadline_raises_fallen_back(api: ApiStyle, case: TransportCase, node: Node, user: str) -> None:
    with api.publisher(case.url, **case.options) as wb:
        published = wb.publish(Event(f"user:{user}", "t", 1, deadline=1))
        with pytest.raises(wirebell.FallenBack):
            published.acknowledged(20.0)
        assert wb.receipts(published.id)[0].state == "fallen_back"


def test_expired_event_raises_expired(api: ApiStyle, case: TransportCase, node: Node, user: str) -> None:
    with api.publisher(case.url, **case.options) as wb:
        published = wb.publish(Event(f"user:{user}", "t", 1, receipt=True, ttl=1))
        with pytest.raises(wirebell.Expired):
            published.acknowledged(20.0)


def test_untracked_event_raises_not_watched(api: ApiStyle, case: TransportCase, user: str) -> None:
    with api.publisher(case.url, **case.options) as wb:
        for event in (
            Event(f"user:{user}", "t", 1),
            Event(f"user:{user}", "t", 1, receipt=True, class_="volatile"),
        ):
            with pytest.raises(wirebell.NotWatched):
                wb.publish(event).acknowledged(1.0)


def test_unknown_event_has_no_receipts(api: ApiStyle, case: TransportCase) -> None:
    with api.publisher(case.url, **case.options) as wb:
        for strange in ("never", "a/b ?#%", "..", "ü"):
            assert wb.receipts(strange) == []
            assert wb.cancel(strange) == "unknown"


def test_missing_delivery_record_raises_no_record(api: ApiStyle, case: TransportCase, redis: Redis, user: str) -> None:
    with api.publisher(case.url, **case.options) as wb:
        published = wb.publish(Event(f"user:{user}", "t", 1, receipt=True))
        redis.ask("DEL", f"wb:{{user:{user}}}:record:{published.id}")
        with pytest.raises(wirebell.NoRecord):
            published.acknowledged(5.0)


def test_scheduled_event_is_delivered_at_its_time(api: ApiStyle, case: TransportCase, node: Node, user: str) -> None:
    at = datetime.now(timezone.utc) + timedelta(seconds=0.8)
    with closing(node.device(user, "phone")) as device, api.publisher(case.url, **case.options) as wb:
        with acknowledging(device) as seen:
            published = wb.publish(Event(f"user:{user}", "t", 1, deliver_at=at, receipt=True))
            assert (published.scheduled, published.cursor) == (True, None)
            assert wb.receipts(published.id)[0].state == "scheduled"
            acknowledgement = published.acknowledged(15.0)
        assert acknowledgement.at >= at.timestamp() * 1_000 - 1
        assert seen[0]["id"] == published.id
        assert wb.cancel(published.id) == "published"


def test_both_transports_see_the_same_receipts(api: ApiStyle, redis: Redis, node: Node, user: str) -> None:
    with api.publisher(redis.url) as direct, api.publisher(node.url, service_key=SERVICE_KEY) as over_http:
        for one, other in ((direct, over_http), (over_http, direct)):
            later = one.publish(Event(f"user:{user}", "t", 1, deliver_at="2999-01-01T00:00:00Z", receipt=True))
            assert other.receipts(later.id) == one.receipts(later.id)
            assert other.receipts(later.id)[0].state == "scheduled"
            assert other.cancel(later.id) == "cancelled"
            assert one.receipts(later.id)[0].state == "cancelled"


def test_cancelled_event_is_never_delivered(api: ApiStyle, case: TransportCase, node: Node, user: str) -> None:
    at = datetime.now(timezone.utc) + timedelta(seconds=0.7)
    with closing(node.device(user, "phone")) as device, api.publisher(case.url, **case.options) as wb:
        published = wb.publish(Event(f"user:{user}", "t", 1, deliver_at=at, receipt=True))
        assert wb.cancel(published.id) == "cancelled"
        assert wb.cancel(published.id) == "cancelled"
        with pytest.raises(wirebell.WasCancelled):
            published.acknowledged(5.0)
        with pytest.raises(TimeoutError):
            device.next(1.5)
