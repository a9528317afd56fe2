"""Servers that several tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from node import Node
from servers import Cluster, Redis, Sentinels, running

import wirebell


def pytest_sessionstart() -> None:
    """What is tested is the package as it was built and installed, and not this folder."""
    folder = Path(wirebell.__file__).resolve()
    if "site-packages" not in folder.parts:
        raise pytest.UsageError(f"wirebell comes from {folder}, and not from an installed wheel: use ./run")


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    with running(Redis()) as server:
        yield server


@pytest.fixture
def redis(shared_redis: Redis) -> Redis:
    """An empty server."""
    shared_redis.ask("FLUSHALL")
    shared_redis.ask("SCRIPT", "FLUSH")
    return shared_redis


@pytest.fixture(scope="session")
def node(shared_redis: Redis) -> Iterator[Node]:
    """A node on the shared server."""
    with running(Node(shared_redis.url)) as node:
        yield node


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running(Cluster()) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sentinels() -> Iterator[Sentinels]:
    with running(Sentinels()) as sentinels:
        yield sentinels
