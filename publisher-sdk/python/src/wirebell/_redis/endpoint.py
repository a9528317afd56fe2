"""The address of a Redis deployment, and its lookup. The lookup runs again after the routes were dropped."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .._io.failure import Failure, unavailable
from .._io.interfaces import Argument, RedisConnections, Replies, Server
from . import slots
from .slots import Slots
from .url import Topology, Url


class RedisEndpoint:
    """Finds the owners of the slots through the servers of the URL."""

    def __init__(self, url: Url) -> None:
        self._url = url
        # The primaries of the last lookup: the servers of the URL may no longer exist.
        self._known: tuple[Server, ...] = ()

    @property
    def can_fail_over(self) -> bool:
        """Whether another server can become the primary."""
        return self._url.kind is not Topology.SINGLE

    async def find_slots(self, connections: RedisConnections) -> Slots:
        """Looks up the current owner of every slot."""
        if self._url.kind is Topology.SINGLE:
            return Slots.all_at(self._url.servers[0])
        servers = list(dict.fromkeys((*self._known, *self._url.servers)))
        # In random order: a server with outdated information is not always asked first.
        random.shuffle(servers)
        last = unavailable("the URL names no server to ask for the primary")
        for server in servers:
            try:
                return await self._ask(connections, server)
            except Failure as failure:
                last = failure
        raise last

    async def _ask(self, connections: RedisConnections, server: Server) -> Slots:
        if self._url.kind is Topology.SENTINEL:
            (primary,) = await exchange_one(
                connections, server, [("SENTINEL", "get-master-addr-by-name", self._url.service)]
            )
            match primary:
                case [str(host), port] if isinstance(port, (str, int)):
                    return Slots.all_at(Server(host, int(port), self._url.login))
                case Failure():
                    raise unavailable(str(primary.error))
            raise unavailable(f"the sentinels do not know the service `{self._url.service}`")
        (rows,) = await exchange_one(connections, server, [("CLUSTER", "SLOTS")])
        if isinstance(rows, Failure):
            raise unavailable(str(rows.error))
        found = slots.read(rows, server)
        if found is None:
            raise unavailable(f"{server} reports slots without an owner")
        self._known = found.owners
        return found


async def exchange_one(
    connections: RedisConnections, server: Server, commands: Sequence[Sequence[Argument]]
) -> Replies:
    """Sends one pipeline to one server."""
    (replies,) = await connections.exchange([(server, commands)])
    if isinstance(replies, Failure):
        raise replies
    return replies
