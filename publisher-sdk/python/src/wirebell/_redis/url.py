"""The URL of a Redis: one server, sentinels that know a primary, or a Cluster."""

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
    """Who knows where the data are."""

    SINGLE = ""
    CLUSTER = "-cluster"
    SENTINEL = "-sentinel"


@dataclass(frozen=True, slots=True)
class Url:
    """What the URL says."""

    kind: Topology
    servers: tuple[Server, ...]
    """Of the data, or sentinels."""
    login: Login
    """To the servers of the data."""
    service: str = ""
    """What the sentinels call the primary."""


def invalid_url(found: str) -> ConfigurationError:
    """The URL is not one of a bus. It is not shown, since it may hold a password."""
    return ConfigurationError(f"{_EXPECTED}; {found}", "bad_url")


def is_redis(scheme: str) -> bool:
    return _SCHEME.fullmatch(scheme.lower()) is not None


def read(text: str) -> Url:
    """Reads the URL of a Redis."""
    try:
        parts = urlsplit(text)
        host, port, query = parts.hostname, parts.port, parse_qsl(parts.query)
    except ValueError:
        raise invalid_url("the one given cannot be read as a URL") from None
    scheme = _SCHEME.fullmatch(parts.scheme)
    if scheme is None:
        raise invalid_url("the one given has another scheme")
    if not host:
        raise invalid_url("the one given has no host")
    if parts.fragment:
        raise invalid_url("the one given has a `#`: certificates are always checked")
    kind = Topology(scheme[3])
    database = parts.path.strip("/")
    if database and not (database.isascii() and database.isdigit() and len(database) < 10):
        raise invalid_url("the one given has a database that is not a number")
    if kind is Topology.CLUSTER and int(database or 0):
        raise invalid_url("the one given has a database: a Cluster has one only")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    login = Login(bool(scheme[2]), user, password, int(database or 0))
    if kind is Topology.SINGLE:
        return Url(kind, (Server(host, port or 6379, login),), login)
    if kind is Topology.CLUSTER:
        return Url(kind, _servers(host, port or 6379, query, login), login)
    named = dict(query)
    service = named.get("sentinelServiceName", "")
    if not service:
        raise invalid_url("the one given has no `sentinelServiceName`")
    # Sentinels have users and passwords of their own, or none.
    sentinel = Login(login.tls, named.get("sentinelUsername"), named.get("sentinelPassword"))
    return Url(kind, _servers(host, port or 26379, query, sentinel), login, service)


def _servers(host: str, port: int, query: list[tuple[str, str]], login: Login) -> tuple[Server, ...]:
    nodes = [_node(value, login) for name, value in query if name == "node"]
    return (Server(host, port, login), *nodes)


def _node(text: str, login: Login) -> Server:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise invalid_url("the one given has a `node` that is not host:port")
    return Server(host.strip("[]"), int(port), login)
