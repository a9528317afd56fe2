"""Inbox workers. The script of the protocol adds what a node would add to the inbox."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from api_styles import ApiStyle
from node_inbox import CONNECTION, emit, node_messages, stream_of
from redis_servers import Cluster, Redis, Sentinels, eventually, free_port, running

import wirebell
from wirebell import InboxEvent, InvalidReply, RawJson, Unavailable
from wirebell._protocol.keys import shard_of


@contextmanager
def working(worker: Any) -> Iterator[None]:
    """Calls `run` of a worker in a thread."""
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.close(5.0)
        thread.join(10)
        assert not thread.is_alive()


def dead(redis: Redis, user: str) -> list[dict[str, str]]:
    with closing(redis.client()) as client:
        rows: Any = client.xrange(f"wb:{{inbox:{shard_of(user)}}}:dead")
    return [fields for _, fields in rows]


def test_handler_gets_the_event_and_the_client_gets_the_reply(api: ApiStyle, redis: Redis) -> None:
    seen: list[InboxEvent] = []
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with node_messages(redis) as node, api.inbox(redis.url, "chat") as inbox:

        @inbox.on("send-message")
        def send_message(event: InboxEvent) -> object:
            seen.append(event)
            return {"text": event.data["text"].upper()}

        @inbox.on("typing")
        def typing(event: InboxEvent) -> None:
            pass

        with working(inbox):
            emit(redis, "42", text='{"text" : "é"}', id="m 1", ref='a "b"\n', device="phone", traceparent=trace)
            expected = '{"type":"wirebell.reply","ref":"a \\"b\\"\\n","data":{"text":"É"}}'
            assert node.next() == f'reply {CONNECTION} "a \\"b\\"\\n"\n{expected}'
            emit(redis, "42", type="of another service", ref="3")
            emit(redis, "42", type="typing")
            emit(redis, "42", type="typing", ref="2")
            assert node.next() == f'reply {CONNECTION} "2"\n{{"type":"wirebell.reply","ref":"2","data":null}}'
            eventually("all are done", lambda: inbox.counters.done == 4)
            assert node.nothing()
            assert (inbox.backlog().lag, inbox.backlog().pending, inbox.backlog().dead) == (0, 0, 0)
    (event,) = seen
    assert (event.id, event.type, event.user, event.tries) == ("m 1", "send-message", "42", 1)
    assert (event.connection, event.device, event.traceparent) == (CONNECTION, "phone", trace)
    assert (event.data, event.json) == ({"text": "é"}, '{"text" : "é"}')
    assert abs(event.at - time.time() * 1_000) < 60_000
    assert "é" not in repr(event)


def test_presence_event_has_no_connection(api: ApiStyle, redis: Redis) -> None:
    fields = {"id": "42/1", "type": "user.online", "user": "42", "at": "7", "data": "{}"}
    redis.ask("XADD", stream_of("42"), "*", *(word for pair in fields.items() for word in pair))
    with node_messages(redis) as node, api.inbox(redis.url, "presence") as inbox:
        claim = inbox.next(5.0)
        assert (claim.event.type, claim.event.user, claim.event.connection) == ("user.online", "42", None)
        claim.done({"nobody": "waits"})
        assert node.nothing()


def test_every_service_gets_all_events_and_its_workers_share_them(api: ApiStyle, redis: Redis) -> None:
    for number in range(20):
        emit(redis, f"u{number}", number)
    ours: list[str] = []
    with api.inbox(redis.url, "chat") as first, api.inbox(redis.url, "chat") as second:
        for worker in (first, second):
            worker.on("send-message")(lambda event: ours.append(event.user))
        with working(first), working(second):
            eventually("all are handled", lambda: first.counters.done + second.counters.done == 20)
    assert sorted(ours) == sorted(f"u{number}" for number in range(20))
    with api.inbox(redis.url, "another") as other:
        for _ in range(20):
            other.next(5.0).pass_over()
        assert other.backlog().pending == 0


def test_failing_event_is_retried_and_the_client_gets_service_failed(
    api: ApiStyle, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []
    with node_messages(redis) as node, api.inbox(redis.url, "chat", tries=3, first_wait=0.05) as inbox:

        @inbox.on("bad")
        def bad(event: InboxEvent) -> None:
            tries.append(event.tries)
            raise RuntimeError("no disk")

        @inbox.on("better")
        def better(event: InboxEvent) -> str:
            if event.tries < 2:
                raise RuntimeError("not yet")
            return "now"

        with working(inbox):
            emit(redis, "42", text='{"secret":"s3cret"}', type="bad", id="m1", ref="1")
            failed = node.frame()
            emit(redis, "42", type="better", ref="2")
            assert node.frame() == {"type": "wirebell.reply", "ref": "2", "data": "now"}
            eventually("both are over", lambda: (inbox.counters.dead, inbox.counters.done) == (1, 1))
            assert (inbox.backlog().dead, inbox.backlog().pending) == (1, 0)
    message = "the service could not handle the event"
    assert failed == {"type": "wirebell.error", "code": "service_failed", "message": message, "ref": "1"}
    assert tries == [1, 2, 3]
    (letter,) = dead(redis, "42")
    assert letter.pop("at").isdigit()
    assert letter == {
        **{
            "id": "m1",
            "type": "bad",
            "user": "42",
            "data": '{"secret":"s3cret"}',
            "connection": CONNECTION,
            "ref": "1",
        },
        **{"group": "chat", "tries": "3", "reason": "RuntimeError: no disk"},
    }
    # When it is emitted again, the node replies with this result at once.
    assert emit(redis, "42", type="bad", id="m1", ref="9")[2:] == ["1", "error service_failed"]
    assert "s3cret" not in caplog.text


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


MOST = 1_048_576
WRONG_REPLIES: dict[str, tuple[Any, str]] = {
    "a set": ({1}, "type set is not JSON serializable"),
    "bytes": (b"x", "bytes is not JSON serializable"),
    "a cycle": (circle(), "contains itself"),
    "not a number": (float("nan"), "JSON cannot represent"),
    "half a pair": ("\ud800", "surrogate"),
    "raw text that is not JSON": (RawJson("{"), "Expecting"),
    "too large": ("x" * (MOST - 1), f"{MOST + 1} bytes; at most {MOST}"),
}


@pytest.mark.parametrize("name", WRONG_REPLIES)
def test_invalid_reply_raises(api: ApiStyle, redis: Redis, name: str) -> None:
    reply, words = WRONG_REPLIES[name]
    with node_messages(redis) as node, api.inbox(redis.url, "chat", tries=1) as inbox:
        emit(redis, "42", ref="1")
        claim = inbox.next(5.0)
        with pytest.raises(InvalidReply, match=words) as raised:
            claim.done(reply)
        assert raised.value.code == ("too_large" if name == "too large" else "invalid_reply")
        # The event is still leased.
        claim.done(RawJson('{"a" : 1.0}'))
        assert node.next().endswith('"data":{"a" : 1.0}}')
        inbox.on("send-message")(lambda _: reply)
        with working(inbox):
            emit(redis, "42", ref="2")
            assert node.frame()["code"] == "service_failed"


def test_repeated_event_gets_one_reply_to_the_last_connection(api: ApiStyle, redis: Redis) -> None:
    emit(redis, "42", id="m1", ref="first")
    with node_messages(redis) as node, api.inbox(redis.url, "chat") as inbox:
        claim = inbox.next(5.0)
        assert emit(redis, "42", id="m1", ref="second", connection="k3j9x2ma.20")[0] == "again"
        claim.done("here")
        assert node.next() == 'reply k3j9x2ma.20 "second"\n{"type":"wirebell.reply","ref":"second","data":"here"}'
        claim.done("twice")
        assert node.nothing()


def test_events_of_one_user_are_handled_in_order(api: ApiStyle, redis: Redis) -> None:
    ended: list[str] = []
    for number in range(3):
        emit(redis, "slow", number)
    for number in range(20):
        emit(redis, "quick", number)
    with api.inbox(redis.url, "chat", at_once=8) as inbox:

        @inbox.on("send-message")
        def send_message(event: InboxEvent) -> None:
            time.sleep(0.15 if event.user == "slow" else 0.001)
            ended.append(f"{event.user} {event.data}")

        with working(inbox):
            eventually("all are done", lambda: inbox.counters.done == 23)
    assert [one for one in ended if one.startswith("quick")] == [f"quick {number}" for number in range(20)]
    assert [one for one in ended if one.startswith("slow")] == [f"slow {number}" for number in range(3)]
    # Events of different users do not wait for each other.
    assert ended[-1] == "slow 2"


WORKER = """
import sys, time, wirebell
worker = wirebell.Inbox(sys.argv[1], "chat", gone_after=1.0)
print(worker.next(20).event.id, flush=True)
time.sleep(60)
"""


def test_event_of_a_dead_worker_is_taken_over(api: ApiStyle, redis: Redis) -> None:
    emit(redis, "42", id="a", ref="1")
    dying = subprocess.Popen([sys.executable, "-c", WORKER, redis.url], stdout=subprocess.PIPE, text=True)
    try:
        assert dying.stdout is not None
        assert dying.stdout.readline() == "a\n"
        with node_messages(redis) as node, api.inbox(redis.url, "chat", gone_after=1.0) as worker:
            # A living worker renews the lease of its event.
            assert worker.next(1.8) is None
            dying.send_signal(signal.SIGKILL)
            claim = worker.next(10.0)
            assert (claim.event.id, claim.event.tries) == ("a", 2)
            claim.done("from the other")
            assert node.frame()["data"] == "from the other"
            assert worker.counters.taken_over == 1
    finally:
        dying.kill()
        dying.wait()
        if dying.stdout is not None:
            dying.stdout.close()


def test_worker_survives_outages_of_redis(api: ApiStyle) -> None:
    with running(Redis("--appendonly", "yes", "--appendfsync", "always")) as redis:
        redis.kill()
        with api.inbox(redis.url, "chat", timeout=1.0) as inbox:
            assert inbox.next(0.3) is None
            with pytest.raises(Unavailable):
                inbox.backlog()
            redis.start()
            emit(redis, "42", 1, id="a")
            claim = inbox.next(10.0)
            redis.kill()
            with pytest.raises(Unavailable):
                claim.done("nobody hears")
            redis.start()
            # It was handled, but Redis does not know: it is delivered at least once.
            again = inbox.next(10.0)
            assert (again.event.id, again.event.tries) == ("a", 2)
            again.done()
            assert (inbox.backlog().pending, inbox.backlog().dead) == (0, 0)


def test_unreadable_inbox_entry_becomes_a_dead_letter(api: ApiStyle, redis: Redis) -> None:
    good = {"id": "1", "type": "t", "user": "42", "at": "1", "data": "1"}
    for fields in ({"hello": "world"}, {**good, "data": "{"}, {**good, "at": "-1"}, {**good, "connection": "me"}):
        redis.ask("XADD", stream_of("42"), "*", *(word for pair in fields.items() for word in pair))
    with node_messages(redis) as node, api.inbox(redis.url, "chat") as inbox:
        assert inbox.next(0.3) is None
        eventually("they are dead letters", lambda: inbox.counters.dead == 4)
        assert node.nothing()
    assert dead(redis, "42")[0]["hello"] == "world"


def echoing(api: ApiStyle, url: str) -> Any:
    inbox = api.inbox(url, "echo")
    inbox.on("ask")(lambda event: event.data)
    return inbox


def test_replies_reach_the_node_in_a_cluster(api: ApiStyle) -> None:
    with running(Cluster()) as cluster, echoing(api, cluster.url) as inbox, working(inbox):
        with node_messages(cluster.owner("{node:k3j9x2ma}")) as node:
            for number in range(9):
                user = f"u{number}"
                emit(cluster.owner(stream_of(user)), user, number, type="ask", ref=str(number))
            assert {node.frame(15.0)["data"] for _ in range(9)} == set(range(9))
        assert (inbox.backlog().lag, inbox.backlog().pending) == (0, 0)


def test_replies_reach_the_node_after_a_sentinel_failover(api: ApiStyle) -> None:
    if api.name == "blocking":
        pytest.skip("it takes long, and what finds the new primary is the same")
    with running(Sentinels()) as sentinels, echoing(api, sentinels.url) as inbox, working(inbox):
        before = sentinels.primary
        with node_messages(before) as node:
            emit(before, "42", 1, type="ask", ref="1")
            assert node.frame()["data"] == 1
        sentinels.sentinels[0].ask("SENTINEL", "FAILOVER", "wirebell")
        eventually("another is named", lambda: sentinels.primary is not before)
        with node_messages(sentinels.primary) as node:
            eventually("it takes events", lambda: emit(sentinels.primary, "42", 2, type="ask", ref="2", id="two"))
            assert node.frame(20.0)["data"] == 2


def test_invalid_inbox_settings_raise(api: ApiStyle) -> None:
    for url, words in (("http://127.0.0.1:9090", "read from Redis only"), ("nonsense", "scheme"), ("redis://", "host")):
        with pytest.raises(wirebell.ConfigurationError, match=words) as raised:
            api.inbox(url, "chat")
        assert raised.value.code == "bad_url"
    with pytest.raises(wirebell.ConfigurationError, match="service is empty"):
        api.inbox("redis://127.0.0.1", "")
    with pytest.raises(wirebell.ConfigurationError, match="prefix"):
        api.inbox("redis://127.0.0.1", "chat", prefix="a b")
    inbox = api.inbox(f"redis://127.0.0.1:{free_port()}", "chat")
    with pytest.raises(wirebell.ConfigurationError, match="call `on` before `run`"):
        inbox.run()
    inbox.on("t")(lambda _: None)
    with pytest.raises(wirebell.ConfigurationError, match="`t` already has a handler"):
        inbox.on("t")(lambda _: None)
    with pytest.raises(wirebell.ConfigurationError, match="expected an event type"):
        inbox.on("")(lambda _: None)


def test_blocking_inbox_rejects_a_coroutine_handler() -> None:
    with pytest.raises(wirebell.ConfigurationError, match="AsyncInbox"):

        @wirebell.Inbox("redis://127.0.0.1", "chat").on("t")
        async def handle(event: InboxEvent) -> None:
            pass


def test_wrong_password_raises_on_open(api: ApiStyle) -> None:
    with running(Redis(password="right")) as redis, pytest.raises(wirebell.Refused):
        api.inbox(f"redis://:wrong@127.0.0.1:{redis.port}", "chat").open()
