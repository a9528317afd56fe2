"""Holds a real node to protocol/openapi.json: starts one, and has schemathesis ask it everything the document says."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
WIREBELL = os.environ.get("WIREBELL_BIN", str(HERE / "../../target/release/wirebell"))
KEY = "a-service-key-for-tests"
# What the schema's own edges give is the same on every machine. How far random cases get in their time is not.
PHASES = "examples,coverage,fuzzing" if os.environ.get("WIREBELL_TEST_FULL") else "examples,coverage"
# The run ends by itself well before, unless the machine has much else to do.
LONGEST = 180


def start() -> tuple[subprocess.Popen[str], str]:
    settings = {"telemetry.log_format": "json", "services.keys": KEY, "services.open_to_loopback": "false"}
    arguments = [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]
    doors = ["--clients-listen", "127.0.0.1:0", "--services-listen", "127.0.0.1:0"]
    # A node refuses variables that begin like its own and are none.
    environment = {"PATH": os.environ["PATH"]}
    node = subprocess.Popen([WIREBELL, "dev", *doors, *arguments], stderr=subprocess.PIPE, text=True, env=environment)
    for line in node.stderr or ():
        fields = json.loads(line).get("fields", {}) if line.startswith("{") else {}
        if fields.get("message") == "listening":
            return node, fields["services"]
    raise SystemExit(f"the node ended with {node.wait()}")


def main() -> int:
    node, address = start()
    # What else it logs is read, so that it never waits for that.
    drain = subprocess.Popen(["cat"], stdin=node.stderr, stdout=subprocess.DEVNULL)
    try:
        tool = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")]
        url = f"http://{address}/openapi.json"
        run = [*tool, "run", url, "--phases", PHASES, "--max-time", "75", "--header", f"Authorization: Bearer {KEY}", "--no-color", *sys.argv[1:]]
        # What it remembers of a run, it leaves in the folder where it stands.
        with tempfile.TemporaryDirectory() as folder:
            hooks = {"SCHEMATHESIS_HOOKS": "formats", "PYTHONPATH": str(HERE)}
            status = subprocess.run(run, cwd=folder, timeout=LONGEST, env=os.environ | hooks).returncode
        if node.poll() is not None:
            print(f"the node ended with {node.returncode}")
            return 1
        return status
    finally:
        node.terminate()
        node.wait(30)
        drain.wait(5)


sys.exit(main())
