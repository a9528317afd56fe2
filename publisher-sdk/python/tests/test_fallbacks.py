"""Fallback workers, with a real node that moves events to the fallback stream."""

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
from redis_servers import Redis, eventually, running
from wirebell_node import Node

from wirebell import Event, Fallback, Publisher, Refused, Unavailable
from wirebell._protocol.keys import shard_of


def fall_back(redis: Redis, *ids: str) -> None:
    """Publishes events with a deadline to users without a device."""
    with Publisher(redis.url) as wb:
        answers = wb.publish_all([Event(f"user:{id_}", "sms", {"text": id_}, id=id_, deadline=1) for id_ in ids])
        assert all(answer.nodes == 0 for answer in answers if not isinstance(answer, Exception))
    eventually("they have fallen back", lambda: fallen(redis) >= len(ids))


def fallen(redis: Redis) -> int:
    with closing(redis.client()) as client:
        return sum(int(client.xlen(f"wb:{{due:{shard}}}:fallback")) for shard in range(8))  # type: ignore[arg-type]


def dead(redis: Redis) -> list[dict[str, str]]:
    with closing(redis.client()) as client:
        rows: list[Any] = [client.xrange(f"wb:{{due:{shard}}}:dead") for shard in range(8)]
    return [fields for row in rows for _, fields in row]


@contextmanager
def working(worker: Any, handler: Any) -> Iterator[None]:
    """Calls `run` of a worker in a thread."""
    thread = threading.Thread(target=worker.run, args=(handler,))
    thread.start()
    try:
        yield
    finally:
        worker.close(5.0)
        thread.join(10)
        assert not thread.is_alive()


def test_unacknowledged_event_is_passed_to_the_handler(api: ApiStyle, redis: Redis, node: Node) -> None:
    taken: list[Fallback] = []
    with api.fallbacks(redis.url, "sms") as worker, working(worker, taken.append):
        fall_back(redis, "a", "b", "c")
        eventually("all are handed out", lambda: len(taken) == 3)
        eventually("all are done", lambda: worker.counters.done == 3)
        assert (worker.backlog().pending, worker.backlog().lag) == (0, 0)
    assert sorted(one.id for one in taken) == ["a", "b", "c"]
    for one in taken:
        assert (one.channel, one.type, one.data, one.tries) == (f"user:{one.id}", "sms", {"text": one.id}, 1)
        assert abs(one.at - time.time() * 1_000) < 60_000
        assert one.event.startswith('{"type":"sms","id":"')


def test_acknowledged_event_does_not_fall_back(api: ApiStyle, redis: Redis, node: Node) -> None:
    user = f"here-{api.name}"
    with closing(node.device(user, "phone")) as device, Publisher(redis.url) as wb:
        published = wb.publish(Event(f"user:{user}", "sms", 1, deadline=1))
        device.acknowledge(device.next())
        assert published.acknowledged(5.0).device == "phone"
        fall_back(redis, "away")
        with api.fallbacks(redis.url, "sms") as worker:
            claim = worker.next(5.0)
            assert claim.fallback.id == "away"
            claim.done()
            assert worker.next(1.0) is None


def test_every_group_gets_all_events_and_its_workers_share_them(api: ApiStyle, redis: Redis, node: Node) -> None:
    fall_back(redis, *(f"e{number}" for number in range(20)))
    ours: list[str] = []
    theirs: list[str] = []
    with (
        api.fallbacks(redis.url, "sms") as first,
        api.fallbacks(redis.url, "sms") as second,
        api.fallbacks(redis.url, "mail") as other,
        working(first, lambda one: ours.append(one.id)),
        working(second, lambda one: ours.append(one.id)),
        working(other, lambda one: theirs.append(one.id)),
    ):
        eventually("all are handed out", lambda: len(ours) >= 20 and len(theirs) >= 20)
    assert sorted(ours) == sorted(theirs) == sorted(f"e{number}" for number in range(20))


def test_failing_event_is_retried_and_becomes_a_dead_letter(api: ApiStyle, redis: Redis, node: Node) -> None:
    fall_back(redis, "good", "bad")
    tries: dict[str, list[int]] = {"good": [], "bad": []}

    def handle(fallback: Fallback) -> None:
        tries[fallback.id].append(fallback.tries)
        if fallback.id == "bad" or fallback.tries < 2:
            raise RuntimeError("the gateway for text messages is away")

    with api.fallbacks(redis.url, "sms", tries=3, first_wait=0.1) as worker, working(worker, handle):
        eventually("it is given up", lambda: worker.counters.dead == 1)
        eventually("the other is done", lambda: worker.counters.done == 1)
        assert (worker.backlog().dead, worker.backlog().pending) == (1, 0)
        assert (worker.counters.failed, worker.counters.handed_out) == (4, 5)
    assert tries == {"good": [1, 2], "bad": [1, 2, 3]}
    (letter,) = dead(redis)
    assert {name: letter[name] for name in ("id", "channel", "group", "tries", "reason")} == {
        "id": "bad",
        "channel": "user:bad",
        "group": "sms",
        "tries": "3",
        "reason": "RuntimeError: the gateway for text messages is away",
    }
    assert '"data":{"text":"bad"}' in letter["event"]


def test_unreadable_entry_becomes_a_dead_letter(api: ApiStyle, redis: Redis) -> None:
    redis.ask("XADD", "wb:{due:3}:fallback", "*", "hello", "world")
    with api.fallbacks(redis.url, "sms") as worker:
        assert worker.next(1.0) is None
        eventually("it is a dead letter", lambda: worker.counters.dead == 1)
    assert dead(redis)[0]["hello"] == "world"


def test_close_waits_for_handlers_and_returns_other_events(api: ApiStyle, redis: Redis, node: Node) -> None:
    fall_back(redis, *(f"e{number}" for number in range(6)))
    begun = threading.Event()
    finished: list[str] = []

    def slow(fallback: Fallback) -> None:
        begun.set()
        time.sleep(0.5)
        finished.append(fallback.id)

    with api.fallbacks(redis.url, "sms", at_once=2) as worker:
        with working(worker, slow):
            assert begun.wait(5)
        assert worker.close() == 0
    assert 1 <= len(finished) <= 4
    # Other workers get the unstarted events at once, as if they had never been tried.
    rest: list[Fallback] = []
    with api.fallbacks(redis.url, "sms") as other, working(other, rest.append):
        eventually("the rest is handed out", lambda: len(rest) + len(finished) >= 6, within=3.0)
    assert sorted(finished + [one.id for one in rest]) == [f"e{number}" for number in range(6)]
    assert {one.tries for one in rest} == {1}


WORKER = """
import sys, time, wirebell
worker = wirebell.Fallbacks(sys.argv[1], "sms", gone_after=1.0)
claim = worker.next(20)
print(claim.fallback.id, flush=True)
time.sleep(60)
"""


def test_event_of_a_dead_worker_is_taken_over(api: ApiStyle, redis: Redis, node: Node) -> None:
    fall_back(redis, "a")
    dying = subprocess.Popen([sys.executable, "-c", WORKER, redis.url], stdout=subprocess.PIPE, text=True)
    try:
        assert dying.stdout is not None
        assert dying.stdout.readline() == "a\n"
        with api.fallbacks(redis.url, "sms", gone_after=1.0) as worker:
            # A living worker renews the lease of its event.
            assert worker.next(1.8) is None
            dying.send_signal(signal.SIGKILL)
            claim = worker.next(10.0)
            assert (claim.fallback.id, claim.fallback.tries) == ("a", 2)
            claim.done()
            assert worker.counters.taken_over == 1
    finally:
        dying.kill()
        dying.wait()
        if dying.stdout is not None:
            dying.stdout.close()


def test_slow_handler_keeps_its_lease(api: ApiStyle, redis: Redis, node: Node) -> None:
    fall_back(redis, "a")
    with api.fallbacks(redis.url, "sms", gone_after=0.3) as slow:
        claim = slow.next(5.0)
        with api.fallbacks(redis.url, "sms", gone_after=0.3) as other:
            assert other.next(1.5) is None
        claim.done()
        assert slow.backlog().pending == 0


def test_unreadable_shard_does_not_block_other_shards(api: ApiStyle, redis: Redis, node: Node) -> None:
    with api.fallbacks(redis.url, "sms") as worker:
        fall_back(redis, "a")
        worker.next(5.0).done()
        broken = shard_of("a")
        redis.ask("SET", f"wb:{{due:{broken}}}:fallback", "no stream")
        ids = [id_ for id_ in (f"e{number}" for number in range(30)) if shard_of(id_) != broken]
        for id_ in ids:
            leave(redis, id_)
        # If they stayed pending, they would be taken over only after half a minute.
        taken = [worker.next(5.0) for _ in ids]
        assert sorted(claim.fallback.id for claim in taken) == sorted(ids)
        assert {claim.fallback.tries for claim in taken} == {1}
        for claim in taken:
            claim.done()


def test_entries_of_a_lost_reply_are_claimed_after_an_outage(api: ApiStyle) -> None:
    with (
        running(Redis("--appendonly", "yes", "--appendfsync", "always")) as redis,
        api.fallbacks(redis.url, "sms", worker="me") as worker,
    ):
        leave(redis, "a")
        held = worker.next(5.0)
        leave(redis, "b", lost_by="me")
        redis.kill()
        assert worker.next(0.5) is None
        redis.start()
        claim = worker.next(10.0)
        assert claim.fallback.id == "b"
        claim.done()
        # An event in flight is not delivered a second time.
        assert worker.next(1.0) is None
        held.done()
        assert (worker.backlog().pending, worker.backlog().lag) == (0, 0)


def leave(redis: Redis, id_: str, lost_by: str | None = None) -> None:
    """Adds an entry. With `lost_by`, that worker reads it but never gets the reply."""
    key = f"wb:{{due:{shard_of(id_)}}}:fallback"
    words = ("id", id_, "channel", "user:1", "at", "7", "event", "{}")
    lose = "redis.call('XREADGROUP', 'GROUP', 'sms', ARGV[9], 'STREAMS', KEYS[1], '>')" if lost_by else ""
    script = f"redis.call('XADD', KEYS[1], '*', unpack(ARGV, 1, 8)); {lose}"
    redis.ask("EVAL", script, 1, key, *words, lost_by or "")


def test_worker_waits_for_an_unreachable_redis(api: ApiStyle) -> None:
    with running(Redis()) as redis, running(Node(redis.url)):
        redis.kill()
        with api.fallbacks(redis.url, "sms") as worker:
            assert worker.next(0.5) is None
            redis.start()
            eventually("the node is back", lambda: fall_back(redis, "a") or True)
            claim = worker.next(10.0)
            assert claim.fallback.id == "a"
            redis.kill()
            with pytest.raises(Unavailable):
                claim.done()


def test_wrong_password_raises_on_open(api: ApiStyle) -> None:
    with running(Redis(password="right")) as redis, pytest.raises(Refused):
        api.fallbacks(f"redis://:wrong@127.0.0.1:{redis.port}", "sms").open()
