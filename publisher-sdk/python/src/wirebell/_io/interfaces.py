"""The interfaces that the coroutines of this package use for I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from .failure import Failure

_Done = TypeVar("_Done")

Argument = str | int
"""An argument of a Redis command."""
Reply: TypeAlias = "int | str | list[Reply] | None"
"""A reply of a Redis server."""
Replies: TypeAlias = "list[Reply | Failure]"
"""The replies to a pipeline; an error reply is a failure."""


class OutOfTime(Exception):
    """The time limit was reached."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in to a Redis server."""

    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """A Redis server."""

    host: str
    port: int
    login: Login = field(default=Login(), repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that opening a connection may take, and that a reply may take."""

    connect: float
    reply: float


class Signal(Protocol):
    """Notifies waiters of a change. Any thread may call `notify`."""

    @property
    def count(self) -> int:
        """The number of notifications. Read it before checking a condition, and pass it to `wait_since`."""

    def notify(self) -> None:
        """Wakes all waiters."""

    async def wait_since(self, count: int, timeout: float | None) -> None:
        """Waits until there are more than `count` notifications, or `timeout` seconds have passed."""


class Io(Protocol):
    """Time and waiting."""

    def now(self) -> float:
        """Returns monotonic time in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Waits for `seconds`."""

    async def within(self, seconds: float, work: Callable[[], Awaitable[_Done]]) -> _Done:
        """Runs the work, or raises `OutOfTime` after `seconds`."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Returns a new lock that may be held while waiting."""

    def signal(self) -> Signal:
        """Returns a new signal."""


class RedisConnections(Protocol):
    """Connections to Redis servers."""

    async def exchange(
        self, pipelines: Sequence[tuple[Server, Sequence[Sequence[Argument]]]]
    ) -> list[Replies | Failure]:
        """Sends all pipelines, then reads the replies. A failure stands for a whole connection."""

    async def drop(self) -> None:
        """Closes the idle connections: they lead to the wrong servers."""

    async def close(self) -> None:
        """Closes all connections."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to the server API."""

    method: str
    url: str
    body: str | None = None
    max_wait: float = 0.0
    """Seconds that the response may take beyond the usual timeout."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient(Protocol):
    """Sends requests to the server API."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Sends a request. Raises a `Failure` if there is no response."""

    async def close(self) -> None:
        """Closes the connections."""


class Runtime(Protocol):
    """The I/O of one kind of program, blocking or asyncio."""

    @property
    def io(self) -> Io:
        """Time and waiting."""

    def redis_connections(self, timeouts: Timeouts) -> RedisConnections:
        """Returns connections to Redis servers."""

    def http_client(self, url: str, service_key: str | None, timeouts: Timeouts) -> HttpClient:
        """Returns a client for the server API."""
