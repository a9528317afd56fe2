"""What both publishers are, however their programs wait. All that does I/O stands here once, as coroutines."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from .._connect import build_keys, choose_transport
from .._io.failure import Failure, FailureKind
from .._io.interfaces import Runtime, Timeouts
from .._io.retry import until
from .._protocol.classes import Class, Durability
from .._protocol.event import DurabilityName, Event
from .._protocol.receipt import Receipt
from .._protocol.retention import LogRule, Retention, Retentions
from .._redis.bus import RedisBus
from .._redis.url import invalid_url
from .._tracking.published import AcknowledgementWaiter
from .._tracking.receipts import ReceiptFilter, ReceiptReader
from .._transport.interface import Cancellation, Options
from .._transport.stamp import stamp
from ..errors import Closed, InvalidEvent, PublishError
from .buffer import Buffer, Limits
from .delivery import deliver
from .enqueued import Counters, Enqueued

log = logging.getLogger("wirebell")

AnyEvent = Event | Mapping[str, object]
"""An event, or its attributes named as in JSON."""

_NO_RULES: Sequence[LogRule] = ()
_DEFAULT_RETENTION = Retention()


class PublisherBase:
    """Everything about a publisher save how it waits."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "wb",
        retention: Retention = _DEFAULT_RETENTION,
        log_rules: Sequence[LogRule] = _NO_RULES,
        durability: DurabilityName | None = None,
        service_key: str | None = None,
        buffer_events: int = 10_000,
        buffer_bytes: int = 64 * 1024 * 1024,
        timeout: float = 5.0,
        connect_timeout: float = 2.0,
        answer_timeout: float = 2.0,
    ) -> None:
        """Looks at the URL, and sends nothing yet.

        :param url: `redis://`, `redis-sentinel://` or `redis-cluster://`, `rediss…` with TLS; or `http://`, `https://`.
        :param prefix: of the keys in Redis, as the nodes have it in `bus.prefix`.
        :param retention: how much a log keeps and for how long an id is remembered, as the nodes have it. Over Redis.
        :param log_rules: other bounds for some logs, as the nodes have them in `bus.logs`. Over Redis.
        :param durability: of events that say nothing of it themselves; with `replicated` a replica has to have them.
        :param service_key: opens the services' door. Over HTTP.
        :param buffer_events: how many events may wait behind `enqueue`.
        :param buffer_bytes: how many bytes of events, as JSON, may wait there.
        :param timeout: for how many seconds `publish` tries, all tries together.
        :param connect_timeout: for how many seconds one connection may take to open.
        :param answer_timeout: for how many seconds the answer to one try may take.
        """
        # Each try ends before the caller's patience does: only a try that ended says that the connection is dead.
        timeouts = Timeouts(connect_timeout, min(answer_timeout, 0.8 * timeout))
        self._runtime = self._make_runtime()
        self._io = self._runtime.io
        self._options = Options(build_keys(prefix), Retentions(retention, tuple(log_rules)), timeouts)
        self._transport = choose_transport(url, self._options, self._runtime, service_key)
        self._buffer = Buffer(Limits(buffer_events, buffer_bytes), self._io)
        self._timeout = timeout
        self._durability = None if durability is None else Durability(durability)
        self._closed = False
        self._display_url = _without_secrets(url)

    def _make_runtime(self) -> Runtime:
        raise NotImplementedError

    def _ensure_worker(self) -> None:
        raise NotImplementedError

    def enqueue(self, event: AnyEvent) -> Enqueued:
        """Hands an event over and returns at once, whatever state the bus is in. It never raises.

        The event is published in the background, in the order of enqueueing, for as long as that takes; the buffer
        bounds how much may wait. It may be called from any thread. What it did with the event is in its answer, which
        is true where the event was taken.

        An event that is refused for good is counted and logged by its id, and does not hold up those behind it. A
        wrong password or service key is not the event's fault: events wait until it is put right.
        """
        try:
            ready = self._prepare(event)
        except PublishError as error:
            log.warning("what was enqueued is not an event: %s", error)
            return self._buffer.refuse(error)
        enqueued = self._buffer.push(ready)
        if enqueued:
            self._ensure_worker()
        return enqueued

    @property
    def counters(self) -> Counters:
        """What became of the events enqueued so far."""
        return self._buffer.counters

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._display_url!r})"

    async def _open(self) -> None:
        try:
            await self._transport.open()
        except Failure as failure:
            if failure.kind is FailureKind.PUBLISHER:
                raise failure.error from None
            log.warning("no connection yet, events will wait for it: %s", failure.error)

    def _prepare(self, event: AnyEvent) -> Event:
        if not isinstance(event, (Event, Mapping)):
            raise InvalidEvent(f"expected an Event or a mapping of its attributes, found `{type(event).__name__}`")
        found = event if isinstance(event, Event) else Event.from_dict(event)
        return stamp(found.with_default_durability(self._durability))

    async def _publish(self, events: Iterable[AnyEvent]) -> list[tuple[Any, AcknowledgementWaiter]]:
        """An outcome or an error for each, and how to ask what becomes of it."""
        if self._closed:
            raise Closed
        ready = [self._prepare_or_error(event) for event in events]
        valid = [event for event in ready if isinstance(event, Event)]
        answers = iter(await deliver(self._io, self._transport, self._timeout, valid))
        return [
            (next(answers), self._acknowledgement_waiter(event))
            if isinstance(event, Event)
            else (event, self._acknowledgement_waiter(None))
            for event in ready
        ]

    def _prepare_or_error(self, event: AnyEvent) -> Event | InvalidEvent:
        """One that is wrong does not hold up the others."""
        try:
            return self._prepare(event)
        except InvalidEvent as error:
            return error

    def _acknowledgement_waiter(self, event: Event | None) -> AcknowledgementWaiter:
        # Only what has a cursor can be acknowledged.
        can_be_acknowledged = event is not None and event.is_tracked and event.class_ is Class.DURABLE
        return AcknowledgementWaiter(self._io, self._transport, can_be_acknowledged)

    def _reader(self, group: str | None, only: ReceiptFilter | None) -> ReceiptReader:
        if not isinstance(self._transport, RedisBus):
            raise invalid_url("the one given is a services' door, and streams are read from Redis only")
        return ReceiptReader(self._transport, self._io, self._timeout, group, only)

    async def _receipts(self, event_id: str) -> list[Receipt]:
        return await until(self._io, self._timeout, partial(self._transport.receipts, event_id))

    async def _cancel(self, event_id: str) -> Cancellation:
        return await until(self._io, self._timeout, partial(self._transport.cancel, event_id))


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.port else f"{parts.scheme}://{parts.hostname}"
    except ValueError:
        return "?"
