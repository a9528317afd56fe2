"""The buffer: `enqueue` never waits and never raises, and every result has a name and a counter."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import time
from contextlib import closing

import pytest
from api_styles import ApiStyle
from redis_servers import Redis, eventually, free_port, running

from wirebell import AsyncPublisher, Event, Publisher, Refused


def logged(redis: Redis, channel: str = "user:42") -> list[int]:
    rows = redis.client().xrange(f"wb:{{{channel}}}:log")
    return [int(re.findall(r'"data":(\d+)', fields["t"])[0]) for _, fields in rows]


def test_enqueued_events_are_published_in_order(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        answers = [wb.enqueue(Event("user:42", "t", number)) for number in range(700)]
        assert all(answers)
        assert len({answer.id for answer in answers}) == 700
        flushed = wb.flush(10.0)
        assert (bool(flushed), flushed.waiting) == (True, 0)
        counters = wb.counters
    assert logged(redis) == list(range(700))
    assert (counters.enqueued, counters.published, counters.waiting, counters.waiting_bytes) == (700, 700, 0, 0)


def test_close_publishes_buffered_events(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:
        for number in range(300):
            wb.enqueue(Event("user:42", "t", number))
    assert logged(redis) == list(range(300))
    refused = wb.enqueue(Event("user:42", "t", 1))
    assert (bool(refused), refused.status, refused.event.data.text) == (False, "closed", "1")


def test_full_buffer_returns_the_event(api: ApiStyle, caplog: pytest.LogCaptureFixture) -> None:
    with api.publisher(f"redis://127.0.0.1:{free_port()}", buffer_events=3, timeout=0.3) as wb:
        answers = [wb.enqueue({"to": "user:42", "type": "t", "data": number}) for number in range(5)]
        assert [answer.status for answer in answers] == ["accepted"] * 3 + ["full"] * 2
        assert answers[4].event.data.text == "4"
        assert answers[4].event.id == answers[4].id
        assert (wb.counters.dropped, wb.counters.waiting) == (2, 3)
        flushed = wb.flush(0.2)
        assert (flushed.done, flushed.waiting) == (False, 3)
        begun = time.monotonic()
        closed = wb.close(0.2)
        assert (closed.done, closed.waiting) == (False, 3)
        assert time.monotonic() - begun < 2.0
    # The overflow is logged once, not for each event.
    assert sum("the buffer is full" in record.message for record in caplog.records) == 1
    assert sum("retrying" in record.message and "waiting events" in record.message for record in caplog.records) == 1


def test_buffer_is_bounded_in_bytes(api: ApiStyle) -> None:
    with api.publisher(f"redis://127.0.0.1:{free_port()}", buffer_bytes=1_000) as wb:
        answers = [wb.enqueue(Event("user:42", "t", "x" * 300)) for _ in range(4)]
        assert [answer.status for answer in answers] == ["accepted", "accepted", "full", "full"]
        assert 600 < wb.counters.waiting_bytes <= 1_000
        wb.close(0.0)


@pytest.mark.parametrize(
    "wrong", [None, 7, {}, {"to": "42", "type": "t", "data": 1}, {"to": "all", "type": "t", "data": {1}}]
)
def test_enqueue_never_raises(api: ApiStyle, redis: Redis, wrong: object) -> None:
    with api.publisher(redis.url) as wb:
        answer = wb.enqueue(wrong)
        assert (bool(answer), answer.status, answer.error.code) == (False, "invalid", "invalid_event")
        assert (wb.counters.dropped, wb.counters.enqueued) == (1, 0)


def test_enqueue_returns_at_once_while_redis_is_down_and_catches_up(api: ApiStyle) -> None:
    with running(Redis()) as redis, api.publisher(redis.url) as wb:
        wb.enqueue(Event("user:42", "t", 0))
        assert wb.flush()
        redis.kill()
        begun = time.monotonic()
        for number in range(1, 201):
            assert wb.enqueue(Event("user:42", "t", number))
        assert time.monotonic() - begun < 2.0
        time.sleep(0.2)
        redis.start()
        assert wb.flush(10.0)
        # The server does not persist data: the first event is gone.
        assert logged(redis) == list(range(1, 201))
        assert wb.counters.retried > 0


def test_rejected_event_does_not_block_the_others(
    api: ApiStyle, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis.ask("SET", "wb:{user:1}:log", "not a Stream")
    with api.publisher(redis.url) as wb:
        wb.enqueue(Event("user:1", "t", 1, id="the-wrong-one"))
        wb.enqueue(Event("user:42", "t", 2))
        assert wb.flush()
        assert (wb.counters.refused, wb.counters.published) == (1, 1)
    assert logged(redis) == [2]
    assert any("the-wrong-one" in record.message for record in caplog.records if record.levelno == logging.ERROR)


def test_events_wait_until_the_password_is_corrected(api: ApiStyle) -> None:
    with running(Redis(password="right")) as redis:
        wb = api.publisher(f"redis://:wrong@127.0.0.1:{redis.port}")
        with pytest.raises(Refused):
            wb.open()
        assert wb.enqueue(Event("user:42", "t", 1))
        assert not wb.flush(0.3)
        redis.ask("CONFIG", "SET", "requirepass", "wrong")
        redis.password = "wrong"
        assert wb.close(10.0)
        assert logged(redis) == [1]


def test_many_threads_may_enqueue(api: ApiStyle, redis: Redis) -> None:
    with api.publisher(redis.url) as wb:

        def enqueue(user: int) -> None:
            for number in range(100):
                assert wb.enqueue(Event(f"user:{user}", "t", number))

        threads = [threading.Thread(target=enqueue, args=(user,)) for user in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wb.flush(20.0)
    for user in range(8):
        assert logged(redis, f"user:{user}") == list(range(100))


def test_events_enqueued_without_a_loop_are_published_later(redis: Redis) -> None:
    wb = AsyncPublisher(redis.url)
    assert wb.enqueue(Event("user:42", "t", 7))

    async def main() -> None:
        assert await wb.close()

    asyncio.run(main())
    assert logged(redis) == [7]


def test_forked_process_publishes_on_its_own_connections(redis: Redis) -> None:
    """A server may load the program before it forks its workers."""
    wb = Publisher(redis.url)
    wb.publish(Event("user:42", "t", 1))
    assert wb.enqueue(Event("user:42", "t", 2))
    assert wb.flush()
    before = connections_made(redis)
    child = os.fork()
    if child == 0:
        is_done = wb.enqueue(Event("user:42", "t", 3)) and wb.flush() and wb.publish(Event("user:42", "t", 4))
        os._exit(0 if is_done else 1)
    assert os.waitpid(child, 0)[1] == 0
    # The child opened its own connections, besides the one that reads the statistics.
    assert connections_made(redis) - before > 1
    wb.publish(Event("user:42", "t", 5))
    wb.close()
    eventually("all are there", lambda: sorted(logged(redis)) == [1, 2, 3, 4, 5])


def connections_made(redis: Redis) -> int:
    with closing(redis.client()) as client:
        return int(client.info("stats")["total_connections_received"])
