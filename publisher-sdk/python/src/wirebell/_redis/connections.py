"""Shared parts of both kinds of Redis connections: their options, and the idle ones."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from .._io.interfaces import Argument, Server, Timeouts

_Connection = TypeVar("_Connection")

MOST_IDLE = 16
"""Most idle connections to one server."""


def options(server: Server, timeouts: Timeouts) -> dict[str, Any]:
    """Returns the options for redis-py. It does not retry: this package knows which attempts are safe to repeat."""
    login = server.login
    return {
        "host": server.host,
        "port": server.port,
        "db": login.database,
        "username": login.username,
        # redis-py omits an empty password, but a user without one must still be named.
        "password": login.password if login.username is None else login.password or "",
        "socket_connect_timeout": timeouts.connect,
        "socket_timeout": timeouts.reply,
        "socket_keepalive": True,
        "decode_responses": True,
        "encoding_errors": "replace",
        "protocol": 2,
    }


class IdleConnections(Generic[_Connection]):
    """The connections that are not in use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = 0
        self._idle: dict[Server, list[_Connection]] = {}
        self._process = os.getpid()

    def take(self, server: Server) -> tuple[_Connection | None, int]:
        """Returns the most recently used connection, if any, and the generation for `give_back`."""
        with self._lock:
            if self._process != os.getpid():
                # A forked process must not use the connections of its parent.
                self._idle, self._process = {}, os.getpid()
            idle = self._idle.get(server)
            return (idle.pop() if idle else None), self._generation

    def give_back(self, server: Server, connection: _Connection, generation: int) -> bool:
        """Keeps the connection. Returns `False` if the caller must close it."""
        with self._lock:
            idle = self._idle.setdefault(server, [])
            if generation != self._generation or len(idle) >= MOST_IDLE:
                return False
            idle.append(connection)
            return True

    def drop(self) -> list[_Connection]:
        """Returns all idle connections for closing. Those in use will not be kept either."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, {}
        return [connection for many in idle.values() for connection in many]


Pipelines = Sequence[tuple[Server, Sequence[Sequence[Argument]]]]
