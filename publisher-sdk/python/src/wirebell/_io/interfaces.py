"""What the coroutines of this package ask of the world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from .failure import Failure

_Done = TypeVar("_Done")

Argument = str | int
"""A part of a command."""
Reply: TypeAlias = "int | str | list[Reply] | None"
"""What a server of Redis answers."""
Replies: TypeAlias = "list[Reply | Failure]"
"""What it answers to a pipeline; a failure where it answered with an error."""


class OutOfTime(Exception):
    """The time for something is over."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to connect to a server of Redis, whatever its address."""

    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """A server of Redis."""

    host: str
    port: int
    login: Login = field(default=Login(), repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """For how many seconds a connection may take to open, and the answer to one try."""

    connect: float
    answer: float


class Signal(Protocol):
    """Something has changed. It may be given from any thread."""

    @property
    def count(self) -> int:
        """How often it was given. It is read before one looks, and told to `since`: so none is missed."""

    def notify(self) -> None:
        """Wakes all who wait."""

    async def wait_since(self, count: int, timeout: float | None) -> None:
        """Waits until it has been given since then, but no longer than so many seconds."""


class Io(Protocol):
    """Time and waiting."""

    def now(self) -> float:
        """Seconds, from whenever."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""

    async def within(self, seconds: float, work: Callable[[], Awaitable[_Done]]) -> _Done:
        """Does the work, or raises `OutOfTime`."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """A lock for whoever waits while holding it."""

    def signal(self) -> Signal:
        """A new one."""


class RedisConnections(Protocol):
    """Connections to servers of Redis."""

    async def exchange(
        self, pipelines: Sequence[tuple[Server, Sequence[Sequence[Argument]]]]
    ) -> list[Replies | Failure]:
        """Sends each server its commands, all at once, and reads the answers. A failure is that of a connection."""

    async def drop(self) -> None:
        """Closes the connections that nobody uses just now: they lead to the wrong servers."""

    async def close(self) -> None:
        """Closes them all."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to a services' door."""

    method: str
    url: str
    body: str | None = None
    max_wait: float = 0.0
    """For how many seconds beyond the usual the answer may take."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient(Protocol):
    """Requests to a services' door."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """One request; a `Failure` if there is no answer."""

    async def close(self) -> None:
        """Closes its connections."""


class Runtime(Protocol):
    """How a kind of program reaches the bus."""

    @property
    def io(self) -> Io:
        """Its waiting."""

    def redis_connections(self, timeouts: Timeouts) -> RedisConnections:
        """Connections to Redis."""

    def http_client(self, url: str, service_key: str | None, timeouts: Timeouts) -> HttpClient:
        """Requests to a services' door."""
