"""Checks a real node against protocol/openapi.json: starts a node and lets schemathesis send it every request of the document."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
WIREBELL = os.environ.get("WIREBELL_BIN", str(HERE / "../../target/release/wirebell"))
KEY = "a-service-key-for-tests"
# Cases from the schema's boundaries are the same on every machine. The number of random cases depends on the time.
PHASES = "examples,coverage,fuzzing" if os.environ.get("WIREBELL_TEST_FULL") else "examples,coverage"
# In seconds. A run normally ends much earlier; a busy machine needs more.
TIMEOUT = 180


def start() -> tuple[subprocess.Popen[str], str]:
    settings = {"telemetry.log_format": "json", "services.keys": KEY, "services.open_to_loopback": "false"}
    arguments = [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]
    listen = ["--clients-listen", "127.0.0.1:0", "--services-listen", "127.0.0.1:0"]
    # A node rejects unknown variables that begin with WIREBELL_.
    environment = {"PATH": os.environ["PATH"]}
    node = subprocess.Popen([WIREBELL, "dev", *listen, *arguments], stderr=subprocess.PIPE, text=True, env=environment)
    for line in node.stderr or ():
        fields = json.loads(line).get("fields", {}) if line.startswith("{") else {}
        if fields.get("message") == "listening":
            return node, fields["services"]
    raise SystemExit(f"the node exited with {node.wait()} before it listened")


def main() -> int:
    node, address = start()
    # Reads the rest of the log, so that the node never blocks on a full pipe.
    drain = subprocess.Popen(["cat"], stdin=node.stderr, stdout=subprocess.DEVNULL)
    try:
        tool = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")]
        url = f"http://{address}/openapi.json"
        run = [*tool, "run", url, "--phases", PHASES, "--max-time", "75", "--header", f"Authorization: Bearer {KEY}", "--no-color", *sys.argv[1:]]
        # schemathesis writes files to its working directory.
        with tempfile.TemporaryDirectory() as folder:
            hooks = {"SCHEMATHESIS_HOOKS": "formats", "PYTHONPATH": str(HERE)}
            status = subprocess.run(run, cwd=folder, timeout=TIMEOUT, env=os.environ | hooks).returncode
        if node.poll() is not None:
            print(f"the node exited with {node.returncode} during the run")
            return 1
        return status
    finally:
        node.terminate()
        node.wait(30)
        drain.wait(5)


sys.exit(main())
