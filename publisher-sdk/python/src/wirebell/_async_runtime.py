"""Runtime for asyncio programs: waiting, Redis connections and HTTP requests."""

from __future__ import annotations

from ._http.clients import AsyncClient
from ._io.asynchronous import AsyncIo
from ._io.interfaces import HttpClient, RedisConnections, Timeouts
from ._redis.asynchronous import AsyncRedisConnections


class AsyncRuntime:
    """Provides the I/O of an asyncio program."""

    def __init__(self) -> None:
        self.io = AsyncIo()

    def redis_connections(self, timeouts: Timeouts) -> RedisConnections:
        return AsyncRedisConnections(timeouts)

    def http_client(self, url: str, service_key: str | None, timeouts: Timeouts) -> HttpClient:
        return AsyncClient(url, service_key, timeouts)
