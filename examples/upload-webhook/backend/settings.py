"""Where things are, and the secrets."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent
PORT = int(os.environ.get("PORT", "3000"))
# The services' door of a node.
SERVICES = os.environ.get("PUSH_SERVICES", "http://127.0.0.1:9090")
# Where browsers find the nodes, and what signs the tokens that they accept.
CLIENTS = os.environ.get("PUSH_CLIENTS", "ws://127.0.0.1:8080/ws")
PUSH_SECRET = os.environ.get("PUSH_SECRET", "wirebell-dev-secret")
# What signs this site's own cookie.
COOKIE_SECRET = os.environ.get("COOKIE_SECRET", "only for trying it out, 32 bytes long")
# The third party, and what it signs its webhooks with.
INSPECTOR = os.environ.get("INSPECTOR", "http://127.0.0.1:3001")
WEBHOOK_SECRET = os.environ.get("WEBHOOK_SECRET", "shared with the inspector")
DATA = Path(os.environ.get("DATA", str(FOLDER / "data")))
CLIENT_PACKAGE = Path(os.environ.get("CLIENT_PACKAGE", str(FOLDER.parent / "node_modules" / "wirebell" / "dist")))
MOST_BYTES = 1_000_000
