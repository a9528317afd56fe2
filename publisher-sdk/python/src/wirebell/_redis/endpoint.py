"""Where Redis is. It is asked for anew each time that all was forgotten."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .._io.failure import Failure, unavailable
from .._io.interfaces import Argument, RedisConnections, Replies, Server
from . import slots
from .slots import Slots
from .url import Topology, Url


class RedisEndpoint:
    """Who has which slots, as the URL's servers tell."""

    def __init__(self, url: Url) -> None:
        self._url = url
        # The primaries of last time: the URL's may be long gone.
        self._known: tuple[Server, ...] = ()

    @property
    def can_fail_over(self) -> bool:
        """May the server that is connected to turn into a replica, while another takes its place?"""
        return self._url.kind is not Topology.SINGLE

    async def find_slots(self, connections: RedisConnections) -> Slots:
        """Who has which slots now."""
        if self._url.kind is Topology.SINGLE:
            return Slots.all_at(self._url.servers[0])
        servers = list(dict.fromkeys((*self._known, *self._url.servers)))
        # In an order by chance: one that knows less than the others is not asked for ever.
        random.shuffle(servers)
        last = unavailable("there is nobody to ask where Redis is")
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
            raise unavailable(f"the sentinels know no service `{self._url.service}`")
        (rows,) = await exchange_one(connections, server, [("CLUSTER", "SLOTS")])
        if isinstance(rows, Failure):
            raise unavailable(str(rows.error))
        found = slots.read(rows, server)
        if found is None:
            raise unavailable(f"{server} does not know an owner for every slot")
        self._known = found.owners
        return found


async def exchange_one(
    connections: RedisConnections, server: Server, commands: Sequence[Sequence[Argument]]
) -> Replies:
    """One pipeline to one server."""
    (answers,) = await connections.exchange([(server, commands)])
    if isinstance(answers, Failure):
        raise answers
    return answers
