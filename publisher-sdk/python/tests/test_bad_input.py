"""Invalid input raises at once, with a clear message and without secrets."""

from __future__ import annotations

import math
import pickle
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from api_styles import ApiStyle
from redis_servers import Redis, free_port, running
from wirebell_node import SERVICE_KEY, Node

import wirebell
from wirebell import Event, InvalidEvent, RawJson

WRONG_URLS = {
    "": "no scheme",
    "127.0.0.1:6379": "no scheme",
    "amqp://:s3cret@host": "unsupported scheme",
    "redis://": "no host",
    "redis://:s3cret@host:99999": "cannot be parsed",
    "redis://:s3cret@host/first": "the database in the URL is not a number",
    "redis://:s3cret@host#insecure": "certificate checks cannot be turned off",
    "redis-cluster://:s3cret@host/3": "a Redis Cluster has only database 0",
    "redis-cluster://:s3cret@host?node=other": "not host:port",
    "redis-sentinel://:s3cret@host": "no `sentinelServiceName`",
    "redis-ring://host": "unsupported scheme",
    "http://": "no host",
    "http://user:s3cret@host": "pass the API key as `service_key`",
    "http://host?key=s3cret": "a query or a fragment",
}


@pytest.mark.parametrize("url", WRONG_URLS)
def test_invalid_url_raises_without_showing_the_password(api: ApiStyle, url: str) -> None:
    with pytest.raises(wirebell.ConfigurationError, match=WRONG_URLS[url]) as raised:
        api.publisher(url)
    assert raised.value.code == "bad_url"
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret@127.0.0.1",
        "rediss://u:s3cret@[::1]:1/2",
        "valkey://host",
        "REDIS-CLUSTER://h:1?node=i:2",
        "redis-sentinel://:s3cret@h?sentinelServiceName=s&node=i:2&sentinelPassword=s3cret",
        "https://host/path/",
    ],
)
def test_valid_url_is_accepted_and_repr_hides_the_password(api: ApiStyle, url: str) -> None:
    assert "s3cret" not in repr(api.publisher(url))


def test_other_invalid_settings_raise(api: ApiStyle) -> None:
    for options, code in (({"prefix": "a b"}, "bad_prefix"), ({"service_key": "a\nb"}, "bad_service_key")):
        with pytest.raises(wirebell.ConfigurationError) as raised:
            api.publisher("http://127.0.0.1", **options)
        assert raised.value.code == code
    with pytest.raises(wirebell.ConfigurationError, match="streams are read from Redis only"):
        api.fallbacks("http://127.0.0.1", "group")
    with pytest.raises(wirebell.ConfigurationError, match="streams are read from Redis only"):
        api.publisher("http://127.0.0.1").follow()


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def nest(depth: int) -> Any:
    found: Any = 0
    for _ in range(depth):
        found = [found]
    return found


WRONG_EVENTS: dict[str, tuple[Callable[[], object], str, str, str]] = {
    "not a number": (lambda: Event("all", "t", math.nan), "data", "invalid_event", "JSON cannot represent"),
    "an infinity": (lambda: Event("all", "t", [math.inf]), "data", "invalid_event", "JSON cannot represent"),
    "a set": (lambda: Event("all", "t", {1}), "data", "invalid_event", "type set is not JSON serializable"),
    "a cycle": (lambda: Event("all", "t", circle()), "data", "invalid_event", "contains itself"),
    "too deep": (lambda: Event("all", "t", nest(100_000)), "data", "invalid_event", "nested too deeply"),
    "half a pair": (lambda: Event("all", "t", "\ud800"), "data", "invalid_event", "surrogate"),
    "bytes": (lambda: Event("all", "t", b"x"), "data", "invalid_event", "bytes is not JSON serializable"),
    "a tuple as a name": (lambda: Event("all", "t", {(1, 2): 3}), "data", "invalid_event", "keys must be"),
    "raw text that is not JSON": (lambda: Event("all", "t", RawJson("{")), "data", "invalid_event", "JSON"),
    "two raw values": (lambda: Event("all", "t", RawJson("1 2")), "data", "invalid_event", "after the value"),
    "a raw NaN": (lambda: Event("all", "t", RawJson("[NaN]")), "data", "invalid_event", "not JSON"),
    "too large": (lambda: Event("all", "t", "x" * 1_048_576), "data", "too_large", "at most 1048576"),
    "too large over all": (
        lambda: Event([f"user:{n}" for n in range(1_000)], "t", "x" * 40_000),
        "to",
        "too_large",
        "over all channels",
    ),
    "too many channels": (
        lambda: Event([f"user:{n}" for n in range(1_001)], "t", 1),
        "to",
        "too_large",
        "at most 1000",
    ),
    "no channel": (lambda: Event([], "t", 1), "to", "invalid_event", "empty"),
    "a bad channel": (lambda: Event("42", "t", 1), "to", "invalid_event", "expected `user:<id>`"),
    "a channel with a space": (lambda: Event("user:a b", "t", 1), "to", "invalid_event", "a space"),
    "a channel that is bytes": (lambda: Event(b"user:42", "t", 1), "to", "invalid_event", "`bytes`"),  # type: ignore[arg-type]
    "a list with a number": (lambda: Event([42], "t", 1), "to", "invalid_event", "`int`"),  # type: ignore[list-item]
    "a long channel": (lambda: Event("user:" + "ü" * 126, "t", 1), "to", "invalid_event", "longer than 256"),
    "no type": (lambda: Event("all", "", 1), "type", "invalid_event", "is empty"),
    "a reserved type": (lambda: Event("all", "wirebell.x", 1), "type", "invalid_event", "reserved"),
    "a long id": (lambda: Event("all", "t", 1, id="x" * 257), "id", "too_large", "longer than 256"),
    "an id with a line's end": (lambda: Event("all", "t", 1, id="a\nb"), "id", "invalid_event", "control character"),
    "a deadline of a float": (lambda: Event("all", "t", 1, deadline=2.5), "deadline", "invalid_event", "whole seconds"),  # type: ignore[arg-type]
    "a deadline of a boolean": (lambda: Event("all", "t", 1, deadline=True), "deadline", "invalid_event", "`bool`"),
    "too long a deadline": (lambda: Event("all", "t", 1, deadline=604_801), "deadline", "invalid_event", "604800"),
    "a negative ttl": (lambda: Event("all", "t", 1, ttl=-1), "ttl", "invalid_event", "expected 1 to"),
    "a time without a zone": (
        lambda: Event("all", "t", 1, deliver_at=datetime(2026, 11, 21)),
        "deliver_at",
        "invalid_event",
        "with a zone",
    ),
    "a day that there is not": (
        lambda: Event("all", "t", 1, time="2026-02-30T00:00:00Z"),
        "time",
        "invalid_event",
        "expected RFC 3339",
    ),
    "an unknown attribute": (
        lambda: Event.from_dict({"to": "all", "type": "t", "data": 1, "colour": "red"}),
        "event",
        "invalid_event",
        "`colour`",
    ),
    "a missing attribute": (lambda: Event.from_dict({"to": "all", "data": 1}), "type", "invalid_event", "is required"),
    "the same twice": (
        lambda: Event.from_json('{"to":"all","to":"all","type":"t","data":1}'),
        "event",
        "invalid_event",
        "duplicate",
    ),
    "not UTF-8": (lambda: Event.from_json(b"\xff"), "event", "invalid_event", "utf-8"),
}


@pytest.mark.parametrize("name", WRONG_EVENTS)
def test_invalid_event_names_its_attribute(name: str) -> None:
    make, attribute, code, words = WRONG_EVENTS[name]
    with pytest.raises(InvalidEvent, match=words) as raised:
        make()
    assert (raised.value.attribute, raised.value.code) == (attribute, code)
    assert isinstance(raised.value, ValueError)
    assert len(str(raised.value)) < 400


def test_changing_the_data_later_does_not_change_the_event() -> None:
    data = {"status": "paid"}
    event = Event("all", "t", data)
    data["status"] = "refunded"
    assert event.data.text == '{"status":"paid"}'
    assert "paid" not in repr(event)


def test_publishing_a_value_that_is_no_event_raises(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        for wrong in (None, "event", {"to": "all"}, {"to": "all", "type": "t", "data": {1}}):
            with pytest.raises(InvalidEvent):
                wb.publish(wrong)


def test_unreachable_redis_raises_unavailable(api: ApiStyle) -> None:
    begun = time.monotonic()
    with api.publisher(f"redis://:s3cret@127.0.0.1:{free_port()}", timeout=1.0) as wb:
        with pytest.raises(wirebell.Unavailable, match="cannot connect to Redis at") as raised:
            wb.publish(Event("all", "t", 1))
        assert (raised.value.code, "s3cret" in str(raised.value)) == ("unavailable", False)
        with pytest.raises(wirebell.Unavailable):
            wb.receipts("e")
    assert time.monotonic() - begun < 3.0


def test_hanging_redis_raises_timed_out(api: ApiStyle) -> None:
    with running(Redis()) as redis, api.publisher(redis.url, timeout=1.0) as wb:
        wb.publish(Event("all", "t", 1))
        redis.signal(signal.SIGSTOP)
        begun = time.monotonic()
        try:
            with pytest.raises(wirebell.TimedOut):
                wb.publish(Event("all", "t", 1))
        finally:
            redis.signal(signal.SIGCONT)
        assert 0.7 < time.monotonic() - begun < 3.0
        assert wb.publish(Event("all", "t", 1)).cursor is not None


def test_wrong_password_raises_at_once(api: ApiStyle) -> None:
    with running(Redis(password="right")) as redis:
        for user, code in ((":wr0ng@", "WRONGPASS"), ("", "NOAUTH")):
            url = f"redis://{user}127.0.0.1:{redis.port}"
            begun = time.monotonic()
            with pytest.raises(wirebell.Refused) as raised:
                api.publisher(url).open()
            assert raised.value.code == code
            with pytest.raises(wirebell.Refused) as raised:
                api.publisher(url).publish(Event("all", "t", 1))
            assert (raised.value.code, "wr0ng" in str(raised.value)) == (code, False)
            assert time.monotonic() - begun < 2.0
        with api.publisher(redis.url) as wb:
            assert wb.publish(Event("all", "t", 1)).cursor is not None


def test_closed_publisher_raises_closed(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        pass
    with pytest.raises(wirebell.Closed):
        wb.publish(Event("all", "t", 1))


def test_wrong_api_key_raises_refused(api: ApiStyle, node: Node) -> None:
    with api.publisher(node.url, service_key="wr0ng") as wb:
        with pytest.raises(wirebell.Refused) as raised:
            wb.publish(Event("all", "t", 1))
        assert (raised.value.code, raised.value.status) == ("unauthorized", 401)
        assert "wr0ng" not in str(raised.value)


def test_event_above_the_limit_of_a_node_is_rejected(api: ApiStyle, node: Node) -> None:
    large = Event("user:42", "t", "x" * 70_000)
    with api.publisher(node.url, service_key=SERVICE_KEY) as wb:
        begun = time.monotonic()
        with pytest.raises(InvalidEvent) as raised:
            wb.publish(large)
        # It fails at once, because a retry cannot help.
        assert time.monotonic() - begun < 3.0
        assert (raised.value.attribute, raised.value.code) == ("data", "too_large")
        # An event that is too large does not block the others.
        first, second, third = wb.publish_all([Event("user:42", "t", 1), large, Event("user:42", "t", 2)])
        assert first.cursor < third.cursor
        assert second.code == "too_large"


class FakeApi(BaseHTTPRequestHandler):
    """A server that is not a node."""

    answers: list[tuple[int, str]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fake_api(*answers: tuple[int, str]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), type("Answering", (FakeApi,), {"answers": list(answers)})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ((200, "hello"), wirebell.Refused, "not_wirebell"),
        ((202, "{}"), wirebell.Refused, "not_wirebell"),
        ((301, ""), wirebell.Refused, "http_301"),
        ((404, "<html>"), wirebell.Refused, "http_404"),
        ((413, ""), wirebell.Refused, "http_413"),
        ((503, '{"code":"unavailable","detail":"the bus is away"}'), wirebell.Unavailable, "unavailable"),
        ((502, "<html>"), wirebell.Unavailable, "unavailable"),
        (
            (422, '{"code":"invalid_event","attribute":"to","detail":"no"}'),
            wirebell.InvalidEvent,
            "invalid_event",
        ),
    ],
)
def test_response_of_another_server_raises(
    api: ApiStyle, answer: tuple[int, str], kind: type[wirebell.PublishError], code: str
) -> None:
    with fake_api(answer) as url, api.publisher(url, timeout=0.5) as wb, pytest.raises(kind) as raised:
        wb.publish(Event("all", "t", 1))
    assert raised.value.code == code


def test_unavailable_api_is_retried(api: ApiStyle) -> None:
    accepted = '{"id":"e","channels":[{"channel":"all","cursor":"5-1","nodes":2}]}'
    with fake_api((503, "{}"), (202, accepted)) as url, api.publisher(url) as wb:
        published = wb.publish(Event("all", "t", 1, id="e"))
    assert (published.id, str(published.cursor), published.nodes) == ("e", "5-1", 2)


def test_rejected_batch_is_split(api: ApiStyle) -> None:
    def accepted(name: str) -> tuple[int, str]:
        return 202, '{"id":"' + name + '","channels":[{"channel":"all","cursor":"5-1","nodes":2}]}'

    # The batch of three, the first two, and then each event alone.
    answers = ((413, ""), (413, ""), accepted("a"), (422, '{"code":"invalid_event"}'), accepted("c"))
    with fake_api(*answers) as url, api.publisher(url) as wb:
        first, second, third = wb.publish_all([Event("all", "t", 1, id=name) for name in "abc"])
    assert [getattr(one, "id", None) or one.code for one in (first, second, third)] == ["a", "invalid_event", "c"]


def test_unreachable_api_raises_unavailable(api: ApiStyle) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with api.publisher(url, timeout=0.5) as wb, pytest.raises(wirebell.Unavailable, match=f"cannot reach {url}: "):
        wb.publish(Event("all", "t", 1))


def test_hanging_api_raises_timed_out(api: ApiStyle) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with api.publisher(url, timeout=0.5) as wb, pytest.raises(wirebell.TimedOut):
            wb.publish(Event("all", "t", 1))


def test_errors_can_be_pickled() -> None:
    """A task queue passes errors between processes."""
    for error in (
        wirebell.InvalidEvent("is empty", "to", "too_large"),
        wirebell.Refused("no", "NOAUTH", 401),
        wirebell.TimedOut(2.0),
        wirebell.FallenBack(),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.code, vars(copy)) == (type(error), str(error), error.code, vars(error))
