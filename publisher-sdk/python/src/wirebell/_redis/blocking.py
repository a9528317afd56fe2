"""Redis connections for blocking programs. Nothing awaited here is ever suspended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.connection import Connection, SSLConnection
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from .._io.blocking import BlockingIo
from .._io.failure import Failure
from .._io.interfaces import Argument, OutOfTime, Replies, Server, Timeouts
from . import failures
from .connections import IdleConnections, Pipelines, options

_NO_GENERATION = -1
"""A generation that no connection has."""
_NEGLIGIBLE = 0.005
"""Seconds that are too short to wait."""


class BlockingRedisConnections:
    """One connection for each thread that needs one. Idle connections are kept."""

    def __init__(self, timeouts: Timeouts, io: BlockingIo) -> None:
        self.timeouts = timeouts
        self._io = io
        self._idle_connections: IdleConnections[Connection] = IdleConnections()

    async def exchange(self, pipelines: Pipelines) -> list[Replies | Failure]:
        # Everything is sent before the first reply is read, so the servers work in parallel.
        sent: list[_Exchange] = []
        try:
            for server, commands in pipelines:
                sent.append(_Exchange(self, server, commands))
                sent[-1].send()
            return [one.receive() for one in sent]
        finally:
            for one in sent:
                one.end()

    async def drop(self) -> None:
        for connection in self._idle_connections.drop():
            connection.disconnect()

    async def close(self) -> None:
        await self.drop()

    def connection(self, server: Server) -> tuple[Connection, int]:
        """Returns an idle connection or a new one, and its generation."""
        free, generation = self._idle_connections.take(server)
        if free is None:
            kind: Any = SSLConnection if server.login.tls else Connection
            remaining = self.remaining()
            timeouts = Timeouts(min(self.timeouts.connect, remaining), min(self.timeouts.reply, remaining))
            free = kind(**options(server, timeouts))
            # A connection made with shortened timeouts keeps them, so it is not kept.
            generation = generation if timeouts == self.timeouts else _NO_GENERATION
        return free, generation

    def remaining(self) -> float:
        """Returns the seconds for which this thread may still wait."""
        return self._io.remaining()

    def give_back(self, server: Server, connection: Connection, generation: int) -> None:
        if not self._idle_connections.give_back(server, connection, generation):
            connection.disconnect()


class _Exchange:
    """One pipeline to one server."""

    def __init__(
        self, connections: BlockingRedisConnections, server: Server, commands: Sequence[Sequence[Argument]]
    ) -> None:
        self._connections, self._server, self._commands = connections, server, commands
        self._connection, self._generation = connections.connection(server)
        self._failure: Failure | None = None
        self._is_complete = False

    def send(self) -> None:
        is_open = False
        try:
            self._connection.connect()
            is_open = True
            self._connection.send_packed_command(self._connection.pack_commands(self._commands))
        except (RedisError, OSError) as error:
            self._fail(error, is_open=is_open)

    def receive(self) -> Replies | Failure:
        replies: Replies = []
        for _ in self._commands:
            if self._failure is not None:
                return self._failure
            replies.append(self._read_reply())
        self._is_complete = self._failure is None
        return self._failure or replies

    def _read_reply(self) -> Any:
        try:
            if not self._connection.can_read(min(self._connections.timeouts.reply, self._connections.remaining())):
                raise TimeoutError
            return self._connection.read_response()
        except OutOfTime:
            raise
        except (RedisError, OSError) as error:
            if failures.is_error_reply(error):
                return failures.from_reply(error)
            self._fail(error, is_open=True)
            return self._failure

    def _fail(self, error: Exception, *, is_open: bool) -> None:
        if isinstance(error, (RedisTimeout, TimeoutError)) and self._connections.remaining() < _NEGLIGIBLE:
            # The caller's time limit was reached, not the timeout of this server.
            raise OutOfTime
        self._failure = failures.from_connection(error, self._server, self._connections.timeouts, is_open=is_open)

    def end(self) -> None:
        """Keeps the connection, or closes it if it has unread replies."""
        if self._is_complete:
            self._connections.give_back(self._server, self._connection, self._generation)
        else:
            self._connection.disconnect()
