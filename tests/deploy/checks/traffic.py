"""Traffic of every kind, so that every counter moves: clients that stay, that come and go, and that are refused; events
that are accepted, published twice, or wrong."""

import asyncio
import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from .processes import http

# What connections may end with, or not come about, while nodes come and go.
LOST = (OSError, EOFError, WebSocketException, asyncio.TimeoutError)
# Between two rounds; several of them fall into each scrape.
PAUSE = 0.3
STAYING = 3


@dataclass
class Node:
    """One node, and how tokens for it are made."""

    name: str
    clients: str
    services: str
    sign: Callable
    issuer: str
    received: dict = field(default_factory=dict)
    closed: list = field(default_factory=list)

    def token(self, user, lifetime=3600):
        return self.sign({"sub": user, "exp": int(time.time()) + lifetime, "iss": self.issuer, "topics": ["*"]})


class Traffic(threading.Thread):
    """Runs until it is stopped. What it meets on the way is counted by the nodes, which is the point of it."""

    def __init__(self, nodes, key):
        super().__init__(daemon=True)
        self.nodes, self.key = nodes, key
        self.over = threading.Event()
        self.statuses = {}
        self.fault = None

    def stop(self):
        self.over.set()
        self.join(15)

    def run(self):
        # Publishing waits for answers, so it has a thread of its own; not the loop's, which nothing could stop.
        publishing = threading.Thread(target=self._publish, daemon=True)
        publishing.start()
        try:
            asyncio.run(self._everything())
        except Exception as error:
            self.fault = error
        publishing.join(15)

    async def _everything(self):
        tasks = [self._stay(node, f"{node.name}-{n}") for node in self.nodes for n in range(STAYING)]
        tasks += [self._come_and_go(node) for node in self.nodes]
        await asyncio.gather(*tasks)

    async def _stay(self, node, user):
        """Reads, and sends each kind of frame, until the node or the run ends."""
        while not self.over.is_set():
            try:
                async with self._connection(node, user) as socket:
                    reader = asyncio.create_task(self._read(node, socket))
                    while not self.over.is_set() and not reader.done():
                        await self._frames(node, user, socket)
                        await asyncio.sleep(PAUSE)
                    reader.cancel()
            except LOST:
                pass
            await asyncio.sleep(PAUSE)

    def _connection(self, node, user, lifetime=3600):
        bearer = {"Authorization": f"Bearer {node.token(user, lifetime)}"}
        return connect(f"ws://{node.clients}/ws", additional_headers=bearer, proxy=None, open_timeout=5)

    async def _frames(self, node, user, socket):
        for frame in (
            {"type": "wirebell.subscribe", "channel": "topic:news", "ref": "1"},
            {"type": "wirebell.ping", "ref": "2"},
            {"type": "wirebell.auth", "token": node.token(user), "ref": "3"},
            {"type": "wirebell.auth", "token": "no token", "ref": "4"},
            {"type": "wirebell.subscribe", "channel": "topic:other"},
            {"type": "wirebell.unsubscribe", "channel": "topic:other"},
        ):
            # A refused renewal may end the session, so it is tried by one client of each node only.
            if frame.get("ref") != "4" or user.endswith("-0"):
                await socket.send(json.dumps(frame))
        await socket.send("not a frame")

    async def _read(self, node, socket):
        try:
            async for text in socket:
                kind = json.loads(text)["type"]
                node.received[kind] = node.received.get(kind, 0) + 1
        except ConnectionClosed:
            pass
        node.closed.append(socket.close_code)

    async def _come_and_go(self, node):
        """Sessions that end at once, and tokens that are no longer good."""
        for lifetime in itertools.cycle((3600, -3600)):
            if self.over.is_set():
                return
            try:
                async with self._connection(node, "visitor", lifetime) as socket:
                    await asyncio.wait_for(socket.recv(), 5)
            except LOST:
                pass
            await asyncio.sleep(PAUSE)

    def _publish(self):
        for number in itertools.count():
            for node in self.nodes:
                if self.over.is_set():
                    return
                self._publish_to(node, number)
            time.sleep(PAUSE)

    def _publish_to(self, node, number):
        durable = {"to": f"user:{node.name}-1", "type": "payment-status", "data": {"n": number}, "id": f"{node.name}-{number}"}
        volatile = {"to": "topic:news", "type": "price", "data": number, "class": "volatile"}
        self._post(node, durable)
        self._post(node, durable)
        self._post(node, [volatile, {"to": "nobody", "type": "x", "data": 1}])
        self._post(node, durable, {"Authorization": "Bearer wrong"})
        self._post(node, {"type": "without a receiver"})

    def _post(self, node, body, headers=None):
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {}), "Content-Type": "application/json"}
        status, _ = http(f"http://{node.services}/v1/events", json.dumps(body).encode(), headers)
        self.statuses[status] = self.statuses.get(status, 0) + 1
