"""A node: the program `wirebell` on a Redis of the test; and a device: a real WebSocket client of a user."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis_servers import eventually, free_port
from websockets.sync.client import ClientConnection, connect

SECRET = "a-secret-of-the-tests-of-the-python-sdk"
SERVICE_KEY = "a-service-key-of-the-tests"
ROOT = Path(__file__).resolve().parents[3]


def program() -> str:
    """`target/release/wirebell`, or the value of WIREBELL_BIN."""
    return os.environ.get("WIREBELL_BIN") or str(ROOT / "target/release/wirebell")


class Node:
    """A node."""

    def __init__(self, redis_url: str, **settings: str) -> None:
        self.clients, self.services = free_port(), free_port()
        names = {
            "BUS_REDIS": redis_url,
            "CLIENTS_LISTEN": f"127.0.0.1:{self.clients}",
            "SERVICES_LISTEN": f"127.0.0.1:{self.services}",
            "SERVICES_KEYS": SERVICE_KEY,
            "AUTH_SECRET": SECRET,
            **settings,
        }
        environment = {f"WIREBELL_{name}": value for name, value in names.items()}
        self._process = subprocess.Popen(
            [program(), "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually("the node is ready", self._is_ready)

    @property
    def url(self) -> str:
        """The URL of its server API."""
        return f"http://127.0.0.1:{self.services}"

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    def device(self, user: str, device: str) -> Device:
        """Connects a device of a user and waits for its `wirebell.welcome`."""
        return Device(f"ws://127.0.0.1:{self.clients}/ws", user, device)

    def stop(self) -> None:
        # A kill instead of a drain, which would wait for clients to leave.
        self._process.kill()
        self._process.wait()


class Device:
    """A device of a user."""

    def __init__(self, url: str, user: str, device: str) -> None:
        token = sign({"sub": user, "exp": int(time.time()) + 600, "device": device})
        self._open = ExitStack()
        headers = {"Authorization": f"Bearer {token}"}
        self._socket: ClientConnection = self._open.enter_context(connect(url, additional_headers=headers))
        assert self.next()["type"] == "wirebell.welcome"

    def next(self, within: float = 10.0) -> dict[str, Any]:
        return dict(json.loads(self.text(within)))

    def text(self, within: float = 10.0) -> str:
        """The next frame as text."""
        return str(self._socket.recv(within))

    def acknowledge(self, event: dict[str, Any]) -> None:
        ack = {"type": "wirebell.ack", "channel": event["channel"], "cursor": event["cursor"]}
        self._socket.send(json.dumps(ack))

    def close(self) -> None:
        self._open.close()


@contextmanager
def acknowledging(device: Device, wanted: int = 1) -> Iterator[list[dict[str, Any]]]:
    """Acknowledges each event that the device receives."""
    seen: list[dict[str, Any]] = []

    def handle() -> None:
        while len(seen) < wanted:
            event = device.next()
            seen.append(event)
            device.acknowledge(event)

    thread = threading.Thread(target=handle)
    thread.start()
    yield seen
    thread.join(15)
    assert len(seen) == wanted


def sign(claims: dict[str, Any]) -> str:
    """A token, as the sign-in of an application would issue it."""
    parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.new(SECRET.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join((*parts, _base64(signature)))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
