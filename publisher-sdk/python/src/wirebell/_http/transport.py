"""HTTP transport: sends events to the server API in requests of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlsplit, urlunsplit

from .._io.failure import Failure, unavailable
from .._io.interfaces import HttpClient, HttpRequest
from .._protocol.publish_result import PublishResult
from .._protocol.receipt import Receipt, State
from .._redis.url import invalid_url
from .._transport.interface import Cancellation, PendingEvent
from ..errors import ConfigurationError
from . import responses

_REQUEST_BYTES = 512 * 1024
"""Most bytes of events in one request."""


class HttpTransport:
    """The server API of a node."""

    def __init__(self, url: str, client: HttpClient) -> None:
        self._events = events_url(url)
        self._client = client

    async def open(self) -> None:
        """Does nothing: the API key is only checked with an event."""

    async def close(self) -> None:
        await self._client.close()

    async def send(self, events: Sequence[PendingEvent]) -> list[PublishResult | Failure]:
        """Posts the events in requests of bounded size, one after the other."""
        bodies = [pending.event.to_json() for pending in events]
        done: list[PublishResult | Failure] = []
        max_events = len(bodies)
        while len(done) < len(bodies):
            batch = bodies[len(done) : len(done) + _count_fitting(bodies[len(done) :], max_events)]
            try:
                results = await self._post(batch)
            except Failure as failure:
                return done + [failure] * (len(bodies) - len(done))
            if results is None:
                # The API rejected the request as a whole. Smaller requests may succeed.
                max_events = (len(batch) + 1) // 2
                continue
            done += results
            stop = next(
                (answer for answer in results if isinstance(answer, Failure) and answer.stops_later_events), None
            )
            if stop is not None:
                return done + [stop] * (len(bodies) - len(done))
        return done

    async def _post(self, batch: Sequence[str]) -> list[PublishResult | Failure] | None:
        body = batch[0] if len(batch) == 1 else f"[{','.join(batch)}]"
        answer = await self._client.send(HttpRequest("POST", self._events, body))
        return responses.published(answer, len(batch))

    async def states(self, event_id: str, channels: Sequence[str], max_wait: float) -> list[State | None]:
        receipts_by_channel = {
            receipt.channel: receipt.state for receipt in await self._receipts(event_id, int(max_wait))
        }
        return [receipts_by_channel.get(channel) for channel in channels]

    async def receipts(self, event_id: str) -> list[Receipt]:
        return await self._receipts(event_id, 0)

    async def _receipts(self, event_id: str, max_wait: int) -> list[Receipt]:
        wait = f"?wait={max_wait}" if max_wait > 0 else ""
        request = HttpRequest("GET", self._event(event_id) + wait, max_wait=max_wait)
        return responses.receipts(await self._client.send(request))

    async def cancel(self, event_id: str) -> Cancellation:
        return responses.cancelled(await self._client.send(HttpRequest("DELETE", self._event(event_id))))

    def _event(self, event_id: str) -> str:
        # `..` as a path segment would mean the parent path.
        return f"{self._events}/{quote(event_id, safe='').replace('.', '%2E')}"


def _count_fitting(bodies: Sequence[str], max_events: int) -> int:
    """Returns how many of the bodies fit into one request: at least one."""
    size = 0
    for count, body in enumerate(bodies[:max_events]):
        size += len(body.encode())
        if size > _REQUEST_BYTES:
            return max(1, count)
    return min(max_events, len(bodies))


def events_url(url: str) -> str:
    """Returns the URL of the events endpoint."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise invalid_url("the URL cannot be parsed") from None
    if not host:
        raise invalid_url("the URL has no host")
    if parts.username is not None or parts.password is not None:
        raise invalid_url("the URL has a user or password; pass the API key as `service_key`")
    if parts.query or parts.fragment:
        raise invalid_url("the URL has a query or a fragment")
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/v1/events", "", ""))


def headers(service_key: str | None) -> dict[str, str]:
    """Returns the headers of every request."""
    receipts_by_channel = {"Content-Type": "application/json"}
    if service_key is not None:
        if not service_key.isascii() or not service_key.isprintable():
            message = "`service_key` contains a character that an HTTP header cannot hold"
            raise ConfigurationError(message, "bad_service_key")
        receipts_by_channel["Authorization"] = f"Bearer {service_key}"
    return receipts_by_channel


def unreachable(error: Exception, url: str) -> Failure:
    """The failure for a connection that was not opened, or that broke."""
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    parts = urlsplit(url)
    return unavailable(f"cannot reach {parts.scheme}://{parts.netloc}: {reason}")
