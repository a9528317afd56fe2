"""What both publishers are, however their programs wait. All that does I/O stands here once, as coroutines."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from .._http.door import HttpDoor
from .._io.seam import HttpClient, Io, Timeouts, Wire
from .._protocol.classes import Class, Durability
from .._protocol.event import DurabilityName, Event
from .._protocol.keys import Keys
from .._protocol.receipt import Receipt
from .._protocol.retention import LogRule, Retention, Retentions
from .._redis.bus import RedisBus
from .._redis.place import Place
from .._redis.url import is_redis, read, wrong
from .._tracking.published import Watch
from .._tracking.told import Reader, Wanted
from ..errors import Closed, ConfigurationError, InvalidEvent, PublishError
from .buffer import Buffer, Limits
from .delivery import deliver
from .enqueued import Counters, Enqueued
from .failure import Failure, Verdict
from .retry import until
from .stamp import stamp
from .transport import Cancellation, Options, Transport

log = logging.getLogger("wirebell")

AnyEvent = Event | Mapping[str, object]
"""An event, or its attributes named as in JSON."""

_NO_RULES: Sequence[LogRule] = ()
_USUAL = Retention()


class Ways(Protocol):
    """How a kind of program reaches the bus."""

    @property
    def io(self) -> Io:
        """Its waiting."""

    def wire(self, timeouts: Timeouts) -> Wire:
        """Connections to Redis."""

    def client(self, url: str, service_key: str | None, timeouts: Timeouts) -> HttpClient:
        """Requests to a services' door."""


def transport(url: str, options: Options, ways: Ways, service_key: str | None = None) -> Transport:
    """Picks the transport by the URL's scheme. Nothing is sent yet."""
    scheme, found, _ = url.partition("://")
    if not found:
        raise wrong("the one given has no scheme")
    if scheme.lower() in ("http", "https"):
        return HttpDoor(url, ways.client(url, service_key, options.timeouts))
    return redis_bus(url, options, ways)


def redis_bus(url: str, options: Options, ways: Ways) -> RedisBus:
    """The Redis of this URL, for what only it can do."""
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        raise wrong("the one given is a services' door, and streams are read from Redis only")
    if not is_redis(scheme):
        raise wrong("the one given has another scheme")
    return RedisBus(Place(read(url)), options, ways.wire(options.timeouts), ways.io)


def keys(prefix: str) -> Keys:
    try:
        return Keys(prefix)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"prefix of the keys: {error}", "bad_prefix") from None


class PublisherBase:
    """Everything about a publisher save how it waits."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "wb",
        retention: Retention = _USUAL,
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
        self._ways = self._make_ways()
        self._io = self._ways.io
        self._options = Options(keys(prefix), Retentions(retention, tuple(log_rules)), timeouts)
        self._transport = transport(url, self._options, self._ways, service_key)
        self._buffer = Buffer(Limits(buffer_events, buffer_bytes), self._io)
        self._timeout = timeout
        self._durability = None if durability is None else Durability(durability)
        self._closed = False
        self._place = _without_secrets(url)

    def _make_ways(self) -> Ways:
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
            ready = self._ready(event)
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
        return f"{type(self).__name__}({self._place!r})"

    async def _open(self) -> None:
        try:
            await self._transport.open()
        except Failure as failure:
            if failure.verdict is Verdict.DOOR:
                raise failure.error from None
            log.warning("no connection yet, events will wait for it: %s", failure.error)

    def _ready(self, event: AnyEvent) -> Event:
        if not isinstance(event, (Event, Mapping)):
            raise InvalidEvent(f"expected an Event or a mapping of its attributes, found `{type(event).__name__}`")
        found = event if isinstance(event, Event) else Event.from_dict(event)
        return stamp(found.with_usual(self._durability))

    async def _publish(self, events: Iterable[AnyEvent]) -> list[tuple[Any, Watch]]:
        """An outcome or an error for each, and how to ask what becomes of it."""
        if self._closed:
            raise Closed
        ready = [self._checked(event) for event in events]
        sound = [event for event in ready if isinstance(event, Event)]
        answers = iter(await deliver(self._io, self._transport, self._timeout, sound))
        return [
            (next(answers), self._watch(event)) if isinstance(event, Event) else (event, self._watch(None))
            for event in ready
        ]

    def _checked(self, event: AnyEvent) -> Event | InvalidEvent:
        """One that is wrong does not hold up the others."""
        try:
            return self._ready(event)
        except InvalidEvent as error:
            return error

    def _watch(self, event: Event | None) -> Watch:
        # Only what has a cursor can be acknowledged.
        can_be_acknowledged = event is not None and event.is_watched and event.class_ is Class.DURABLE
        return Watch(self._io, self._transport, can_be_acknowledged)

    def _reader(self, group: str | None, only: Wanted | None) -> Reader:
        if not isinstance(self._transport, RedisBus):
            raise wrong("the one given is a services' door, and streams are read from Redis only")
        return Reader(self._transport, self._io, self._timeout, group, only)

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
