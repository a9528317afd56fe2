"""Processes that the checks start, all of them stopped at the end, by pid."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from .report import Fault, expect

FOLDER = Path(tempfile.mkdtemp(prefix="wirebell-deploy-"))
STARTED = []
FIRST = []
# Straight to the address, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name, words, env=None):
    """Starts a program with nothing in its environment but what is given; its output goes to a file."""
    log = FOLDER / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", **(env or {})},
            cwd=FOLDER,
        )
    process.log = log
    STARTED.append(process)
    return process


def before_the_end(action):
    """To be done while the processes still run."""
    FIRST.append(action)


def stop_all():
    """Asks, so that those with children take them along, and insists where somebody would rather drain."""
    for action in FIRST:
        action()
    for process in STARTED:
        if process.poll() is None:
            process.terminate()
    for process in STARTED:
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)


def until(what, action, patience=20.0, every=0.2):
    """Waits until the action gives something, and returns it."""
    deadline = time.monotonic() + patience
    while True:
        found = action()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Fault(f"not within {patience:.0f} s: {what}")
        time.sleep(every)


def http(url, body=None, headers=None):
    """Status and text of an answer, of whatever status; status 0 when there is none."""
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with OPENER.open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def listening(process):
    """The addresses that a node says it has bound, read from its log."""
    expect(process.poll() is None, f"the node has ended:\n{process.log.read_text()[-2000:]}")
    for line in process.log.read_text().splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        fields = fields.get("fields", fields)
        if fields.get("message") == "listening":
            return fields["clients"], fields["services"]
    return None
