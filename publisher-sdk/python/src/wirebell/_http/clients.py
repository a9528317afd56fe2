"""HTTP clients for blocking and asyncio programs. Only this file imports httpx."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from .._io.blocking import BlockingIo
from .._io.failure import Failure, timed_out, unavailable
from .._io.interfaces import HttpRequest, HttpResponse, Timeouts
from ..errors import ConfigurationError
from .transport import events_url, headers, unreachable

if TYPE_CHECKING:
    import httpx

_MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""Most bytes of a response that are read. A node sends a few hundred bytes for each event."""


def _httpx() -> Any:
    try:
        import httpx
    except ImportError:
        message = "an `http://` or `https://` URL needs httpx; install `wirebell[http]`"
        raise ConfigurationError(message, "missing_extra") from None
    return httpx


def _options(url: str, service_key: str | None) -> dict[str, Any]:
    secure = events_url(url).startswith("https")
    return {
        "headers": headers(service_key),
        # A redirect would leak the API key to another server. An internal API needs no proxy.
        "follow_redirects": False,
        "trust_env": False,
        # Without TLS, no certificates are needed, so they are not loaded.
        "verify": ssl.create_default_context() if secure else False,
    }


class BlockingClient:
    """Sends requests that block."""

    def __init__(self, url: str, service_key: str | None, timeouts: Timeouts, io: BlockingIo) -> None:
        self._httpx = _httpx()
        self._client: httpx.Client = self._httpx.Client(**_options(url, service_key))
        self._timeouts = timeouts
        self._io = io

    async def send(self, request: HttpRequest) -> HttpResponse:
        remaining = self._io.remaining()
        timeout = _timeout(self._httpx, self._timeouts, request, remaining)
        body = bytearray()
        try:
            with self._client.stream(request.method, request.url, content=request.body, timeout=timeout) as response:
                for part in response.iter_bytes():
                    _append(body, part)
                return HttpResponse(response.status_code, response.headers, bytes(body))
        except self._httpx.HTTPError as error:
            raise _failure(self._httpx, error, self._timeouts, request.url) from None

    async def close(self) -> None:
        self._client.close()


class AsyncClient:
    """Sends requests under asyncio."""

    def __init__(self, url: str, service_key: str | None, timeouts: Timeouts) -> None:
        self._httpx = _httpx()
        self._client: httpx.AsyncClient = self._httpx.AsyncClient(**_options(url, service_key))
        self._timeouts = timeouts

    async def send(self, request: HttpRequest) -> HttpResponse:
        timeout = _timeout(self._httpx, self._timeouts, request, float("inf"))
        body = bytearray()
        try:
            async with self._client.stream(
                request.method, request.url, content=request.body, timeout=timeout
            ) as response:
                async for part in response.aiter_bytes():
                    _append(body, part)
                return HttpResponse(response.status_code, response.headers, bytes(body))
        except self._httpx.HTTPError as error:
            raise _failure(self._httpx, error, self._timeouts, request.url) from None

    async def close(self) -> None:
        await self._client.aclose()


def _timeout(httpx: Any, timeouts: Timeouts, request: HttpRequest, remaining: float) -> Any:
    response = min(timeouts.reply + request.max_wait, remaining)
    return httpx.Timeout(response, connect=min(timeouts.connect, remaining))


def _append(body: bytearray, part: bytes) -> None:
    body.extend(part)
    if len(body) > _MAX_RESPONSE_BYTES:
        raise unavailable(f"the response is longer than {_MAX_RESPONSE_BYTES} bytes")


def _failure(httpx: Any, error: Exception, timeouts: Timeouts, url: str) -> Failure:
    # A request whose connection never opened has not reached the server.
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return timed_out(timeouts.reply)
    return unreachable(error, url)
