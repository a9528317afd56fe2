"""Fixtures that several tests share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from api_styles import ApiStyle
from redis_servers import Redis, running
from wirebell_node import SERVICE_KEY, Node

import wirebell


@dataclass(frozen=True)
class TransportCase:
    url: str
    options: dict[str, Any]


def pytest_sessionstart() -> None:
    """The tests must run against the installed package, not against this folder."""
    folder = Path(wirebell.__file__).resolve()
    if "site-packages" not in folder.parts:
        raise pytest.UsageError(f"wirebell is imported from {folder}, not from an installed wheel; use ./run")


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    with running(Redis()) as server:
        yield server


@pytest.fixture
def redis(shared_redis: Redis) -> Redis:
    """The shared server, empty."""
    shared_redis.ask("FLUSHALL")
    shared_redis.ask("SCRIPT", "FLUSH")
    return shared_redis


@pytest.fixture(scope="session")
def node(shared_redis: Redis) -> Iterator[Node]:
    """A node on the shared Redis."""
    with running(Node(shared_redis.url)) as node:
        yield node


@pytest.fixture(params=["blocking", "asyncio"])
def api(request: pytest.FixtureRequest) -> Iterator[ApiStyle]:
    with running(ApiStyle(request.param)) as api:
        yield api


@pytest.fixture(params=["redis", "http"])
def case(request: pytest.FixtureRequest, redis: Redis, node: Node) -> TransportCase:
    """Both transports to the same bus, with a node on it."""
    if request.param == "redis":
        return TransportCase(redis.url, {})
    return TransportCase(node.url, {"service_key": SERVICE_KEY})


_users = iter(range(1_000_000))


@pytest.fixture
def user() -> str:
    """A user name that no other test uses."""
    return f"u{next(_users)}"
