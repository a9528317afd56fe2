"""The contents of the package, and that they equal those of the repository."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata, resources
from pathlib import Path

from redis_servers import Redis, running
from wirebell_node import ROOT, SERVICE_KEY, Node

import wirebell
from wirebell._protocol import scripts
from wirebell._protocol.scripts import Script

FOLDERS = ("protocol/src/publish", "protocol/src/tracking", "protocol/src/inbox", "publisher-sdk/src/redis")


def in_repository(name: str) -> bytes:
    """Reads the only script with that name."""
    (found,) = [ROOT / folder / name for folder in FOLDERS if (ROOT / folder / name).is_file()]
    return found.read_bytes()


def test_packed_scripts_equal_those_of_the_repository() -> None:
    folder = resources.files("wirebell") / "lua"
    packed = {file.name: file.read_bytes() for file in folder.iterdir()}
    needed = {f"{name}.lua" for script in Script for name in script.value}
    assert set(packed) == needed
    assert packed == {name: in_repository(name) for name in packed}


def test_nodes_use_the_same_scripts() -> None:
    """After a node has used the scripts on an empty Redis, they are found there by our digests."""
    with running(Redis()) as redis, running(Node(redis.url)) as node:
        with wirebell.Publisher(node.url, service_key=SERVICE_KEY) as over_http:
            over_http.publish(wirebell.Event("user:42", "t", 1, receipt=True))
            later = over_http.publish(wirebell.Event("user:42", "t", 1, deliver_at="2999-01-01T00:00:00Z"))
            assert over_http.cancel(later.id) == "cancelled"
        # The scripts that services call and nodes rarely do.
        for script in set(scripts.LOADED) - {Script.ANSWER}:
            is_known = redis.ask("SCRIPT", "EXISTS", scripts.digest(script)) == [1]
            assert is_known, f"the node has another {script}: is its program older than protocol/?"


def test_version_equals_that_of_the_workspace() -> None:
    (line,) = [line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = ")]
    assert metadata.version("wirebell") == line.split('"')[1]


def test_licenses_and_types_are_packed() -> None:
    wheel = zipfile.ZipFile(os.environ["WIREBELL_WHEEL"]).namelist()
    assert "wirebell/py.typed" in wheel
    for licence in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert any(name.endswith(f"licenses/{licence}") for name in wheel)
    assert metadata.metadata("wirebell")["License-Expression"] == "MIT OR Apache-2.0"


def test_source_distribution_can_build_the_wheel() -> None:
    with tarfile.open(os.environ["WIREBELL_SDIST"]) as packed:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in packed.getnames()}
    assert {"LICENSE-MIT", "LICENSE-APACHE", "hatch_build.py", "src/wirebell/lua/publish.lua"} <= names
    assert not any(name.startswith("tests") for name in names)


def test_every_public_name_exists() -> None:
    assert all(hasattr(wirebell, name) for name in wirebell.__all__)


def test_redis_transport_does_not_need_httpx() -> None:
    """httpx is only needed for an HTTP URL; the error then names the extra."""
    code = """
import sys
sys.modules["httpx"] = None
import wirebell
wirebell.Publisher("redis://127.0.0.1")
try:
    wirebell.Publisher("http://127.0.0.1")
except wirebell.ConfigurationError as error:
    print(error.code, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing_extra")
    assert "wirebell[http]" in done.stdout


def test_import_starts_no_thread() -> None:
    code = "import threading, wirebell; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_packages_have_no_import_circle() -> None:
    """A module belongs to its package, such as `_redis`; a top-level module stands for itself."""
    root = Path(wirebell.__file__).parent
    imports: dict[str, set[str]] = {}
    for file in root.rglob("*.py"):
        parts = file.relative_to(root).with_suffix("").parts
        found = imports.setdefault(parts[0], set())
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == len(parts):
                names = [node.module] if node.module else [alias.name for alias in node.names]
                found.update(name.split(".")[0] for name in names)
    graph = {name: found - {name} for name, found in imports.items()}
    # Raises `CycleError`, which names the circle.
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert order.index("errors") < order.index("_protocol") < order.index("_redis") < order.index("publisher")
