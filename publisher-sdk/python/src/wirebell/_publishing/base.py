"""The base class of both publishers. All code with I/O is written once, as coroutines."""

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
"""An event, or a mapping of its attributes with their JSON names."""

_NO_RULES: Sequence[LogRule] = ()
_DEFAULT_RETENTION = Retention()


class PublisherBase:
    """A publisher, independent of blocking or asyncio."""

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
        """Checks the URL and sends nothing yet.

        :param url: `redis://`, `redis-sentinel://` or `redis-cluster://` (`rediss…` with TLS), `http://` or `https://`.
        :param prefix: prefix of the keys in Redis; must equal `bus.prefix` of the nodes.
        :param retention: how much a log keeps, and how long an id is remembered; as in the nodes. Redis only.
        :param log_rules: other limits for some logs; must equal `bus.logs` of the nodes. Redis only.
        :param durability: default for events without one; with `replicated` a replica must have them.
        :param service_key: API key for the server API. HTTP only.
        :param buffer_events: most events in the buffer of `enqueue`.
        :param buffer_bytes: most bytes of events, as JSON, in that buffer.
        :param timeout: seconds for which `publish` tries, all attempts together.
        :param connect_timeout: seconds that opening a connection may take.
        :param answer_timeout: seconds that the reply to one attempt may take.
        """
        # An attempt must end before the caller's timeout: only a finished attempt shows a dead connection.
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
        """Puts an event into the buffer and returns at once, in any state of the bus. It never raises.

        The event is published in the background, in the order of the calls, for as long as that takes. The
        buffer limits how much may wait. Any thread may call it. The result is true if the buffer has the event.

        An event that the bus rejects is counted and logged by its id, and does not block later events. A
        wrong password or API key is not the event's fault: events wait until it is corrected.
        """
        try:
            ready = self._prepare(event)
        except PublishError as error:
            log.warning("enqueue got an invalid event: %s", error)
            return self._buffer.reject_invalid(error)
        enqueued = self._buffer.push(ready)
        if enqueued:
            self._ensure_worker()
        return enqueued

    @property
    def counters(self) -> Counters:
        """Counters of the enqueued events."""
        return self._buffer.counters

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._display_url!r})"

    async def _open(self) -> None:
        try:
            await self._transport.open()
        except Failure as failure:
            if failure.kind is FailureKind.PUBLISHER:
                raise failure.error from None
            log.warning("cannot connect yet; events wait in the buffer: %s", failure.error)

    def _prepare(self, event: AnyEvent) -> Event:
        if not isinstance(event, (Event, Mapping)):
            raise InvalidEvent(f"expected an Event or a mapping of its attributes, found `{type(event).__name__}`")
        found = event if isinstance(event, Event) else Event.from_dict(event)
        return stamp(found.with_default_durability(self._durability))

    async def _publish(self, events: Iterable[AnyEvent]) -> list[tuple[Any, AcknowledgementWaiter]]:
        """Returns a result or an error for each event, and a waiter for its acknowledgements."""
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
        """Prepares an event; an invalid event does not block the others."""
        try:
            return self._prepare(event)
        except InvalidEvent as error:
            return error

    def _acknowledgement_waiter(self, event: Event | None) -> AcknowledgementWaiter:
        # Only an event with a cursor can be acknowledged.
        can_be_acknowledged = event is not None and event.is_tracked and event.class_ is Class.DURABLE
        return AcknowledgementWaiter(self._io, self._transport, can_be_acknowledged)

    def _reader(self, group: str | None, only: ReceiptFilter | None) -> ReceiptReader:
        if not isinstance(self._transport, RedisBus):
            raise invalid_url("the URL is a server API; streams are read from Redis only")
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
