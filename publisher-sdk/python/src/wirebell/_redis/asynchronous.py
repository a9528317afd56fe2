"""Redis connections for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import RedisError

from .._io.failure import Failure
from .._io.interfaces import Argument, Replies, Server, Timeouts
from . import failures
from .connections import IdleConnections, Pipelines, options

MOST_AT_ONCE = 16
"""Most connections to one server. More tasks than that wait for a free one."""


class AsyncRedisConnections:
    """A bounded number of connections to each server, shared by all tasks."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._idle_connections: IdleConnections[Connection] = IdleConnections()
        self._semaphores: dict[Server, asyncio.Semaphore] = {}

    async def exchange(self, pipelines: Pipelines) -> list[Replies | Failure]:
        if len(pipelines) == 1:
            return [await self._one(*pipelines[0])]
        return await asyncio.gather(*(self._one(server, commands) for server, commands in pipelines))

    async def drop(self) -> None:
        for connection in self._idle_connections.drop():
            await connection.disconnect(nowait=True)

    async def close(self) -> None:
        for connection in self._idle_connections.drop():
            await connection.disconnect()

    async def _one(self, server: Server, commands: Sequence[Sequence[Argument]]) -> Replies | Failure:
        async with self._semaphores.setdefault(server, asyncio.Semaphore(MOST_AT_ONCE)):
            connection, generation = self._connection(server)
            is_complete = False
            try:
                replies = await self._ask(connection, server, commands)
                is_complete = not isinstance(replies, Failure)
                return replies
            finally:
                # A connection with unread replies cannot be used again.
                if not is_complete or not self._idle_connections.give_back(server, connection, generation):
                    await connection.disconnect(nowait=True)

    async def _ask(
        self, connection: Connection, server: Server, commands: Sequence[Sequence[Argument]]
    ) -> Replies | Failure:
        is_open = False
        try:
            await connection.connect()
            is_open = True
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await _read_reply(connection) for _ in commands]
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            return failures.from_connection(error, server, self._timeouts, is_open=is_open)

    def _connection(self, server: Server) -> tuple[Connection, int]:
        free, generation = self._idle_connections.take(server)
        if free is None:
            kind: Any = SSLConnection if server.login.tls else Connection
            free = kind(**options(server, self._timeouts))
        return free, generation


async def _read_reply(connection: Connection) -> Any:
    try:
        return await connection.read_response()
    except RedisError as error:
        if failures.is_error_reply(error):
            return failures.from_reply(error)
        raise
