"""Starts the processes of the checks and stops them all at the end, by pid."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from .report import CheckFailure, expect

FOLDER = Path(tempfile.mkdtemp(prefix="wirebell-deploy-"))
STARTED = []
BEFORE_STOP = []
# Connects directly, without the environment's proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name, words, env=None):
    """Starts a program with only the given environment; its output goes to a file."""
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


def before_stop(action):
    """Registers an action that must run before the processes are stopped."""
    BEFORE_STOP.append(action)


def stop_all():
    """Stops every process: SIGTERM first, so that it can stop its children, then SIGKILL after 2 s, even if it drains."""
    for action in BEFORE_STOP:
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


def until(what, action, timeout=20.0, every=0.2):
    """Waits until the action returns a true value, and returns that value."""
    deadline = time.monotonic() + timeout
    while True:
        found = action()
        if found:
            return found
        if time.monotonic() > deadline:
            raise CheckFailure(f"timed out after {timeout:.0f} s: {what}")
        time.sleep(every)


def http(url, body=None, headers=None):
    """Returns status and text of a response with any status; status 0 if there is no response."""
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with OPENER.open(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def listening(process):
    """Returns the addresses of a node's two APIs from its log, or None."""
    expect(process.poll() is None, f"the node exited:\n{process.log.read_text()[-2000:]}")
    for line in process.log.read_text().splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        fields = fields.get("fields", fields)
        if fields.get("message") == "listening":
            return fields["clients"], fields["services"]
    return None
