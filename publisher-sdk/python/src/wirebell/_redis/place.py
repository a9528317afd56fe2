"""Where Redis is. It is asked for anew each time that all was forgotten."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .._io.seam import Answers, Server, Wire, Word
from .._publishing.failure import Failure, unavailable
from . import slots
from .slots import Slots
from .url import Kind, Url


class Place:
    """Who has which slots, as the URL's servers tell."""

    def __init__(self, url: Url) -> None:
        self._url = url
        # The primaries of last time: the URL's may be long gone.
        self._known: tuple[Server, ...] = ()

    @property
    def can_move(self) -> bool:
        """May the server that is connected to turn into a replica, while another takes its place?"""
        return self._url.kind is not Kind.ALONE

    async def find(self, wire: Wire) -> Slots:
        """Who has which slots now."""
        if self._url.kind is Kind.ALONE:
            return Slots.all_at(self._url.servers[0])
        servers = list(dict.fromkeys((*self._known, *self._url.servers)))
        # In an order by chance: one that knows less than the others is not asked for ever.
        random.shuffle(servers)
        last = unavailable("there is nobody to ask where Redis is")
        for server in servers:
            try:
                return await self._ask(wire, server)
            except Failure as failure:
                last = failure
        raise last

    async def _ask(self, wire: Wire, server: Server) -> Slots:
        if self._url.kind is Kind.SENTINEL:
            (primary,) = await one(wire, server, [("SENTINEL", "get-master-addr-by-name", self._url.service)])
            match primary:
                case [str(host), port] if isinstance(port, (str, int)):
                    return Slots.all_at(Server(host, int(port), self._url.login))
                case Failure():
                    raise unavailable(str(primary.error))
            raise unavailable(f"the sentinels know no service `{self._url.service}`")
        (rows,) = await one(wire, server, [("CLUSTER", "SLOTS")])
        if isinstance(rows, Failure):
            raise unavailable(str(rows.error))
        found = slots.read(rows, server)
        if found is None:
            raise unavailable(f"{server} does not know an owner for every slot")
        self._known = found.owners
        return found


async def one(wire: Wire, server: Server, commands: Sequence[Sequence[Word]]) -> Answers:
    """One pipeline to one server."""
    (answers,) = await wire.exchange([(server, commands)])
    if isinstance(answers, Failure):
        raise answers
    return answers
