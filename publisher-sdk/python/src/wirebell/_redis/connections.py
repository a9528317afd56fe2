"""What both kinds of connections to Redis share: how they are made, and which of them are free."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from .._io.interfaces import Argument, Server, Timeouts

_Connection = TypeVar("_Connection")

MOST_IDLE = 16
"""Connections to one server that wait for the next one who needs one."""


def options(server: Server, timeouts: Timeouts) -> dict[str, Any]:
    """What redis-py has to know. Nothing is tried again below: this package knows better what may be."""
    login = server.login
    return {
        "host": server.host,
        "port": server.port,
        "db": login.database,
        "username": login.username,
        # redis-py leaves out an empty password; a user without one has to be named all the same.
        "password": login.password if login.username is None else login.password or "",
        "socket_connect_timeout": timeouts.connect,
        "socket_timeout": timeouts.answer,
        "socket_keepalive": True,
        "decode_responses": True,
        "encoding_errors": "replace",
        "protocol": 2,
    }


class IdleConnections(Generic[_Connection]):
    """The connections that nobody uses just now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = 0
        self._idle: dict[Server, list[_Connection]] = {}
        self._process = os.getpid()

    def take(self, server: Server) -> tuple[_Connection | None, int]:
        """The one that was used last, if there is one; and what to show when giving it back."""
        with self._lock:
            if self._process != os.getpid():
                # Those of the process that this one was forked from are still in use there.
                self._idle, self._process = {}, os.getpid()
            idle = self._idle.get(server)
            return (idle.pop() if idle else None), self._generation

    def give_back(self, server: Server, connection: _Connection, generation: int) -> bool:
        """False if it is not wanted any more, and has to be closed."""
        with self._lock:
            idle = self._idle.setdefault(server, [])
            if generation != self._generation or len(idle) >= MOST_IDLE:
                return False
            idle.append(connection)
            return True

    def drop(self) -> list[_Connection]:
        """All of them, to be closed. Those that are in use are not wanted any more, either."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, {}
        return [connection for many in idle.values() for connection in many]


Pipelines = Sequence[tuple[Server, Sequence[Sequence[Argument]]]]
