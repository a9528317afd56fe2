"""Settings from the environment."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent
PORT = int(os.environ.get("PORT", "3000"))
# The server API of a node.
SERVICES = os.environ.get("PUSH_SERVICES", "http://127.0.0.1:9090")
# The URL at which browsers connect to the nodes, and the secret of their tokens.
CLIENTS = os.environ.get("PUSH_CLIENTS", "ws://127.0.0.1:8080/ws")
PUSH_SECRET = os.environ.get("PUSH_SECRET", "wirebell-dev-secret")
# The secret of this site's cookie.
COOKIE_SECRET = os.environ.get("COOKIE_SECRET", "only for trying it out, 32 bytes long")
# The URL of the third party, and the secret of its webhook signatures.
INSPECTOR = os.environ.get("INSPECTOR", "http://127.0.0.1:3001")
WEBHOOK_SECRET = os.environ.get("WEBHOOK_SECRET", "shared with the inspector")
DATA = Path(os.environ.get("DATA", str(FOLDER / "data")))
CLIENT_PACKAGE = Path(os.environ.get("CLIENT_PACKAGE", str(FOLDER.parent / "node_modules" / "wirebell" / "dist")))
MAX_BYTES = 1_000_000
