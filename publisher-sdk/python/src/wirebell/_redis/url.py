"""Parses the URL of a Redis: a single server, sentinels, or a Cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlsplit

from .._io.interfaces import Login, Server
from ..errors import ConfigurationError

_SCHEME = re.compile(r"(redis|valkey)(s?)(|-cluster|-sentinel)")

_EXPECTED = (
    "expected `redis://[user:password@]host[:port][/database]` (`rediss://` with TLS), "
    "`redis-cluster://host[:port][?node=host:port]`, "
    "`redis-sentinel://host[:port]?sentinelServiceName=name[&node=host:port]` or "
    "`http://host[:port]` (`https://` with TLS) as the URL of the bus"
)


class Topology(Enum):
    """How the data servers are found."""

    SINGLE = ""
    CLUSTER = "-cluster"
    SENTINEL = "-sentinel"


@dataclass(frozen=True, slots=True)
class Url:
    """A parsed URL."""

    kind: Topology
    servers: tuple[Server, ...]
    """The data servers, or the sentinels."""
    login: Login
    """The login for the data servers."""
    service: str = ""
    """The name of the primary in the sentinels."""


def invalid_url(found: str) -> ConfigurationError:
    """The error for an invalid URL. It does not show the URL, which may contain a password."""
    return ConfigurationError(f"{_EXPECTED}; {found}", "bad_url")


def is_redis(scheme: str) -> bool:
    return _SCHEME.fullmatch(scheme.lower()) is not None


def read(text: str) -> Url:
    """Parses the URL of a Redis."""
    try:
        parts = urlsplit(text)
        host, port, query = parts.hostname, parts.port, parse_qsl(parts.query)
    except ValueError:
        raise invalid_url("the URL cannot be parsed") from None
    scheme = _SCHEME.fullmatch(parts.scheme)
    if scheme is None:
        raise invalid_url("the URL has an unsupported scheme")
    if not host:
        raise invalid_url("the URL has no host")
    if parts.fragment:
        raise invalid_url("the URL has a `#` fragment; certificate checks cannot be turned off")
    kind = Topology(scheme[3])
    database = parts.path.strip("/")
    if database and not (database.isascii() and database.isdigit() and len(database) < 10):
        raise invalid_url("the database in the URL is not a number")
    if kind is Topology.CLUSTER and int(database or 0):
        raise invalid_url("the URL has a database; a Redis Cluster has only database 0")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    login = Login(bool(scheme[2]), user, password, int(database or 0))
    if kind is Topology.SINGLE:
        return Url(kind, (Server(host, port or 6379, login),), login)
    if kind is Topology.CLUSTER:
        return Url(kind, _servers(host, port or 6379, query, login), login)
    named = dict(query)
    service = named.get("sentinelServiceName", "")
    if not service:
        raise invalid_url("the URL has no `sentinelServiceName`")
    # Sentinels have their own users and passwords, or none.
    sentinel = Login(login.tls, named.get("sentinelUsername"), named.get("sentinelPassword"))
    return Url(kind, _servers(host, port or 26379, query, sentinel), login, service)


def _servers(host: str, port: int, query: list[tuple[str, str]], login: Login) -> tuple[Server, ...]:
    nodes = [_node(value, login) for name, value in query if name == "node"]
    return (Server(host, port, login), *nodes)


def _node(text: str, login: Login) -> Server:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise invalid_url("a `node` parameter of the URL is not host:port")
    return Server(host.strip("[]"), int(port), login)
