"""How a program under asyncio reaches the bus: where its waiting, its connections and its requests meet."""

from __future__ import annotations

from ._http.clients import AsyncClient
from ._io.asynchronous import AsyncIo
from ._io.seam import HttpClient, Timeouts, Wire
from ._redis.asynchronous import AsyncWire


class AsyncWays:
    """How a program under asyncio reaches the bus."""

    def __init__(self) -> None:
        self.io = AsyncIo()

    def wire(self, timeouts: Timeouts) -> Wire:
        return AsyncWire(timeouts)

    def client(self, url: str, service_key: str | None, timeouts: Timeouts) -> HttpClient:
        return AsyncClient(url, service_key, timeouts)
