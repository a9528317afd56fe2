"""Produces traffic for every counter.

Some clients stay, some connect and disconnect, some are rejected. Events are accepted, published twice, or invalid.
"""

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

# Errors that a connection may fail or end with while nodes start and stop.
CONNECTION_ERRORS = (OSError, EOFError, WebSocketException, asyncio.TimeoutError)
# Seconds between two rounds; several rounds fall into each scrape.
PAUSE = 0.3
STAYING = 3


@dataclass
class Node:
    """A node, and the function that signs tokens for it."""

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
    """Runs until it is stopped. It ignores connection errors and rejections, since the nodes count them."""

    def __init__(self, nodes, key):
        super().__init__(daemon=True)
        self.nodes, self.key = nodes, key
        self.stopped = threading.Event()
        self.statuses = {}
        self.error = None

    def stop(self):
        self.stopped.set()
        self.join(15)

    def run(self):
        # Publishing blocks, so it has its own thread. A thread of the loop's executor could not be stopped.
        publishing = threading.Thread(target=self._publish, daemon=True)
        publishing.start()
        try:
            asyncio.run(self._run_clients())
        except Exception as error:
            self.error = error
        publishing.join(15)

    async def _run_clients(self):
        tasks = [self._stay(node, f"{node.name}-{n}") for node in self.nodes for n in range(STAYING)]
        tasks += [self._come_and_go(node) for node in self.nodes]
        await asyncio.gather(*tasks)

    async def _stay(self, node, user):
        """Reads, and sends each kind of frame, until the run ends; reconnects when the node closes."""
        while not self.stopped.is_set():
            try:
                async with self._connection(node, user) as socket:
                    reader = asyncio.create_task(self._read(node, socket))
                    while not self.stopped.is_set() and not reader.done():
                        await self._frames(node, user, socket)
                        await asyncio.sleep(PAUSE)
                    reader.cancel()
            except CONNECTION_ERRORS:
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
            # A rejected renewal may end the session, so only one client of each node sends it.
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
        """Opens sessions that end at once, and connects with expired tokens."""
        for lifetime in itertools.cycle((3600, -3600)):
            if self.stopped.is_set():
                return
            try:
                async with self._connection(node, "visitor", lifetime) as socket:
                    await asyncio.wait_for(socket.recv(), 5)
            except CONNECTION_ERRORS:
                pass
            await asyncio.sleep(PAUSE)

    def _publish(self):
        for number in itertools.count():
            for node in self.nodes:
                if self.stopped.is_set():
                    return
                self._publish_to(node, number)
            time.sleep(PAUSE)

    def _publish_to(self, node, number):
        durable = {
            "to": f"user:{node.name}-1",
            "type": "payment-status",
            "data": {"n": number},
            "id": f"{node.name}-{number}",
        }
        volatile = {"to": "topic:news", "type": "price", "data": number, "class": "volatile"}
        self._post(node, durable)
        self._post(node, durable)
        self._post(node, [volatile, {"to": "no-channel", "type": "x", "data": 1}])
        self._post(node, durable, {"Authorization": "Bearer wrong"})
        self._post(node, {"type": "without a receiver"})

    def _post(self, node, body, headers=None):
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {}), "Content-Type": "application/json"}
        status, _ = http(f"http://{node.services}/v1/events", json.dumps(body).encode(), headers)
        self.statuses[status] = self.statuses.get(status, 0) + 1
