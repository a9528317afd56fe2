"""What is packed, and that it is what the rest of the repository has."""

from __future__ import annotations

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
    """The only script of that name."""
    (found,) = [ROOT / folder / name for folder in FOLDERS if (ROOT / folder / name).is_file()]
    return found.read_bytes()


def test_the_scripts_are_those_of_the_repository_byte_for_byte() -> None:
    folder = resources.files("wirebell") / "lua"
    packed = {file.name: file.read_bytes() for file in folder.iterdir()}
    needed = {f"{name}.lua" for script in Script for name in script.value}
    assert set(packed) == needed
    assert packed == {name: in_repository(name) for name in packed}


def test_nodes_call_the_same_scripts() -> None:
    """What a node has used on an empty Redis is found there by our digests."""
    with running(Redis()) as redis, running(Node(redis.url)) as node:
        with wirebell.Publisher(node.url, service_key=SERVICE_KEY) as door:
            door.publish(wirebell.Event("user:42", "t", 1, receipt=True))
            later = door.publish(wirebell.Event("user:42", "t", 1, deliver_at="2999-01-01T00:00:00Z"))
            assert door.cancel(later.id) == "cancelled"
        # Those that services call, and nodes seldom.
        for script in set(scripts.LOADED) - {Script.ANSWER}:
            is_known = redis.ask("SCRIPT", "EXISTS", scripts.digest(script)) == [1]
            assert is_known, f"the node has another {script}: is its program older than protocol/?"


def test_the_version_is_that_of_the_workspace() -> None:
    (line,) = [line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = ")]
    assert metadata.version("wirebell") == line.split('"')[1]


def test_both_licences_and_the_types_are_packed() -> None:
    wheel = zipfile.ZipFile(os.environ["WIREBELL_WHEEL"]).namelist()
    assert "wirebell/py.typed" in wheel
    for licence in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert any(name.endswith(f"licenses/{licence}") for name in wheel)
    assert metadata.metadata("wirebell")["License-Expression"] == "MIT OR Apache-2.0"


def test_the_source_distribution_has_all_that_the_wheel_is_built_from() -> None:
    with tarfile.open(os.environ["WIREBELL_SDIST"]) as packed:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in packed.getnames()}
    assert {"LICENSE-MIT", "LICENSE-APACHE", "hatch_build.py", "src/wirebell/lua/publish.lua"} <= names
    assert not any(name.startswith("tests") for name in names)


def test_every_public_name_is_there() -> None:
    assert all(hasattr(wirebell, name) for name in wirebell.__all__)


def test_redis_is_published_to_without_httpx() -> None:
    """It is asked for only where the URL needs it, and then by name."""
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


def test_importing_does_nothing_but_import() -> None:
    code = "import threading, wirebell; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
