"""How a program that blocks reaches the bus: where its waiting, its connections and its requests meet."""

from __future__ import annotations

from ._http.clients import BlockingClient
from ._io.blocking import BlockingIo
from ._io.seam import HttpClient, Timeouts, Wire
from ._redis.blocking import BlockingWire


class BlockingWays:
    """How a program that blocks reaches the bus."""

    def __init__(self) -> None:
        self.io = BlockingIo()

    def wire(self, timeouts: Timeouts) -> Wire:
        return BlockingWire(timeouts, self.io)

    def client(self, url: str, service_key: str | None, timeouts: Timeouts) -> HttpClient:
        return BlockingClient(url, service_key, timeouts, self.io)
