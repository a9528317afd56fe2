"""Chooses the transport for the URL of a bus."""

from __future__ import annotations

from ._http.transport import HttpTransport
from ._io.interfaces import Runtime
from ._protocol.keys import Keys
from ._redis.bus import RedisBus
from ._redis.endpoint import RedisEndpoint
from ._redis.url import invalid_url, is_redis, read
from ._transport.interface import Options, Transport
from .errors import ConfigurationError


def choose_transport(url: str, options: Options, runtime: Runtime, service_key: str | None = None) -> Transport:
    """Returns the transport for the URL's scheme. It sends nothing yet."""
    scheme, found, _ = url.partition("://")
    if not found:
        raise invalid_url("the URL has no scheme")
    if scheme.lower() in ("http", "https"):
        return HttpTransport(url, runtime.http_client(url, service_key, options.timeouts))
    return open_redis_bus(url, options, runtime)


def open_redis_bus(url: str, options: Options, runtime: Runtime) -> RedisBus:
    """Returns the Redis transport. Fails for an HTTP URL, because streams need Redis."""
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        raise invalid_url("the URL is a server API; streams are read from Redis only")
    if not is_redis(scheme):
        raise invalid_url("the URL has an unsupported scheme")
    return RedisBus(RedisEndpoint(read(url)), options, runtime.redis_connections(options.timeouts), runtime.io)


def build_keys(prefix: str) -> Keys:
    """Returns the key names with this prefix."""
    try:
        return Keys(prefix)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"invalid key prefix: {error}", "bad_prefix") from None
