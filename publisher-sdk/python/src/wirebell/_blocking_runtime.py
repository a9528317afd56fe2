"""Runtime for blocking programs: waiting, Redis connections and HTTP requests."""

from __future__ import annotations

from ._http.clients import BlockingClient
from ._io.blocking import BlockingIo
from ._io.interfaces import HttpClient, RedisConnections, Timeouts
from ._redis.blocking import BlockingRedisConnections


class BlockingRuntime:
    """Provides the I/O of a blocking program."""

    def __init__(self) -> None:
        self.io = BlockingIo()

    def redis_connections(self, timeouts: Timeouts) -> RedisConnections:
        return BlockingRedisConnections(timeouts, self.io)

    def http_client(self, url: str, service_key: str | None, timeouts: Timeouts) -> HttpClient:
        return BlockingClient(url, service_key, timeouts, self.io)
