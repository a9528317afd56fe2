"""Real Redis servers: a single one, one with sentinels, a Cluster. Each uses a free port and is stopped by its pid."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

SERVICE = "wirebell"
SLOTS = 16_384


def free_port() -> int:
    """A port below those of outgoing connections: on such a port, a retrying client could connect to itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            return port


def eventually(what: str, condition: Callable[[], object], within: float = 20.0) -> None:
    end = time.monotonic() + within
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if condition():
                return
        if time.monotonic() > end:
            raise AssertionError(f"not true within {within} s: {what}")
        time.sleep(0.03)


class Redis:
    """A Redis server."""

    def __init__(self, *options: str, password: str | None = None) -> None:
        self.port = free_port()
        self.password = password
        self._folder = Path(tempfile.mkdtemp(prefix="wirebell-redis-"))
        secret = ["--requirepass", password, "--masterauth", password] if password else []
        self._options = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", *secret, *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://{self.user}127.0.0.1:{self.port}"

    @property
    def user(self) -> str:
        return f":{self.password}@" if self.password else ""

    def start(self) -> None:
        command = ["redis-server"]
        if "--sentinel" in self._options:
            # A sentinel stores its state in a file, which must exist.
            (self._folder / "redis.conf").touch()
            command.append(str(self._folder / "redis.conf"))
        address = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen([*command, *address, *self._options], stdout=subprocess.DEVNULL)
        eventually("redis-server answers", lambda: self.ask("PING"))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Sends a signal to the process."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, *words: Any) -> Any:
        with contextlib.closing(self.client()) as client:
            return client.execute_command(*words)

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, password=self.password, decode_responses=True, protocol=2)


class Cluster:
    """Three primaries, each with a replica if requested."""

    def __init__(self, *, replicas: bool = False) -> None:
        self.nodes: list[Redis] = []
        for _ in range(6 if replicas else 3):
            gossip = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", str(free_port())]
            self.nodes.append(Redis(*gossip))
        primaries = self.nodes[:3]
        for index, node in enumerate(primaries):
            node.ask("CLUSTER", "ADDSLOTSRANGE", index * SLOTS // 3, (index + 1) * SLOTS // 3 - 1)
        for node in self.nodes:
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, self._gossip(node))
        for node in self.nodes:
            eventually("all nodes know each other", lambda node=node: self._known(node) == len(self.nodes))
        for index, node in enumerate(self.nodes[3:]):
            node.ask("CLUSTER", "REPLICATE", primaries[index].ask("CLUSTER", "MYID"))
        for node in self.nodes:
            eventually("the node is ready", lambda node=node: self._is_ready(node))

    @staticmethod
    def _gossip(node: Redis) -> str:
        return str(node.client().config_get("cluster-port")["cluster-port"])

    @staticmethod
    def _known(node: Redis) -> int:
        found = node.client().cluster("NODES")
        return sum(one["connected"] for one in found.values() if "handshake" not in one["flags"])

    @staticmethod
    def _is_ready(node: Redis) -> bool:
        role = node.ask("ROLE")
        return node.client().cluster("INFO")["cluster_state"] == "ok" and (
            role[0] == "master" or role[3] == "connected"
        )

    @property
    def url(self) -> str:
        others = "&".join(f"node=127.0.0.1:{node.port}" for node in self.nodes[1:])
        return f"redis-cluster://127.0.0.1:{self.nodes[0].port}?{others}"

    def owner(self, key: str, through: int = 0) -> Redis:
        """The primary of the key's slot, as one of the servers reports it."""
        client = self.nodes[through].client()
        slot = client.cluster("KEYSLOT", key)
        for first, last, primary, *_ in self.slots(through):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == primary[1])
        raise AssertionError(f"no server has slot {slot}")

    def slots(self, through: int) -> Any:
        raw = redis.Connection(host="127.0.0.1", port=self.nodes[through].port, decode_responses=True)
        raw.send_command("CLUSTER", "SLOTS")
        answer = raw.read_response()
        raw.disconnect()
        return answer

    def move(self, key: str) -> None:
        """Moves the key's slot, with its keys, to another primary."""
        slot = self.nodes[0].client().cluster("KEYSLOT", key)
        source = self.owner(key)
        target = next(node for node in self.nodes[:3] if node is not source)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID"))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.ask("CLUSTER", "MYID"))
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        if keys:
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.ask("CLUSTER", "MYID"))

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


class Sentinels:
    """A primary, a replica, and three sentinels."""

    def __init__(self, password: str | None = None, sentinel_password: str | None = None) -> None:
        primary = Redis(password=password)
        self.servers = [primary, Redis("--replicaof", "127.0.0.1", str(primary.port), password=password)]
        secret = ["--sentinel", "sentinel-pass", sentinel_password] if sentinel_password else []
        self.sentinels = [self._sentinel(primary, sentinel_password, secret) for _ in range(3)]
        for sentinel in self.sentinels:
            eventually("a sentinel knows all the others", lambda sentinel=sentinel: self._knows_all(sentinel))

    @staticmethod
    def _sentinel(primary: Redis, password: str | None, secret: list[str]) -> Redis:
        sentinel = Redis("--sentinel", *secret, password=password)
        sentinel.ask("SENTINEL", "MONITOR", SERVICE, "127.0.0.1", primary.port, 2)
        settings = [("down-after-milliseconds", 1000), ("failover-timeout", 5000)]
        if primary.password:
            settings.append(("auth-pass", primary.password))  # type: ignore[arg-type]
        for option, value in settings:
            sentinel.ask("SENTINEL", "SET", SERVICE, option, value)
        return sentinel

    @staticmethod
    def _knows_all(sentinel: Redis) -> bool:
        found = sentinel.client().info("sentinel")["master0"]
        return (found["status"], found["slaves"], found["sentinels"]) == ("ok", 1, 3)

    @property
    def url(self) -> str:
        first, *others = self.sentinels
        nodes = "".join(f"&node=127.0.0.1:{one.port}" for one in others)
        secret = f"&sentinelPassword={first.password}" if first.password else ""
        user = self.servers[0].user
        return f"redis-sentinel://{user}127.0.0.1:{first.port}?sentinelServiceName={SERVICE}{nodes}{secret}"

    @property
    def primary(self) -> Redis:
        port = int(self.sentinels[0].ask("SENTINEL", "get-master-addr-by-name", SERVICE)[1])
        return next(server for server in self.servers if server.port == port)

    def stop(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.stop()


@contextlib.contextmanager
def running(server: Any) -> Iterator[Any]:
    try:
        yield server
    finally:
        server.stop()
