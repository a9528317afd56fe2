"""Runs the examples as users do: a FastAPI app under uvicorn, and a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis_servers import Redis, eventually, free_port, running
from wirebell_node import Node, acknowledging

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


class App:
    """The FastAPI app in its own process."""

    def __init__(self, redis: Redis) -> None:
        self._port = free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "--app-dir",
            str(EXAMPLES),
            "--port",
            str(self._port),
            "payments:app",
        ]
        self._process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "WIREBELL_URL": redis.url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually("the app answers", lambda: self.get("/openapi.json"))

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: object = None) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def end(self) -> tuple[int, str]:
        """Stops it, and returns its exit code and its output."""
        self._process.terminate()
        _, wrote = self._process.communicate(timeout=15)
        return self._process.returncode, wrote

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def app(redis: Redis, node: Node) -> Iterator[App]:
    with running(App(redis)) as app:
        yield app


def test_repeated_webhook_becomes_one_event(app: App, node: Node, user: str) -> None:
    payment = {"id": "7", "user": user, "status": "paid"}
    with closing(node.device(user, "phone")) as device:
        app.post("/webhooks/payments", payment)
        app.post("/webhooks/payments", payment)
        app.post("/webhooks/payments", {**payment, "status": "shipped"})
        events = [device.next(), device.next()]
        assert [event["data"]["status"] for event in events] == ["paid", "shipped"]
        assert events[0]["id"] == "payment-7-paid"
    code, wrote = app.end()
    assert "Traceback" not in wrote
    assert code in (0, -15)


def test_endpoint_returns_whether_the_event_was_seen(app: App, node: Node, user: str) -> None:
    with closing(node.device(user, "phone")) as device, acknowledging(device):
        assert app.post(f"/payments/7/confirm?user={user}") == {"seen": "yes", "device": "phone"}


def test_script_prints_the_acknowledging_device(redis: Redis, node: Node) -> None:
    script = [sys.executable, "-W", "error", str(EXAMPLES / "publish.py"), redis.url]
    with closing(node.device("42", "laptop")) as device, acknowledging(device):
        done = subprocess.run(script, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("seen on laptop\n")


def test_script_without_a_redis_prints_the_error() -> None:
    script = [sys.executable, str(EXAMPLES / "publish.py"), f"redis://127.0.0.1:{free_port()}"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "unavailable: the bus is unavailable: cannot connect to Redis" in done.stderr
    assert "Traceback" not in done.stderr
