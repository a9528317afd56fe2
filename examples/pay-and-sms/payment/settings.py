"""Settings from the environment."""

import os
from pathlib import Path

PORT = int(os.environ.get("PORT", "3000"))
# The Redis of the nodes.
REDIS = os.environ.get("PUSH_REDIS", "redis://127.0.0.1:6379")
# The URL at which browsers connect to the nodes, and the secret of their tokens.
CLIENTS = os.environ.get("PUSH_CLIENTS", "ws://127.0.0.1:8080/ws")
PUSH_SECRET = os.environ.get("PUSH_SECRET", "wirebell-dev-secret")
# The secret of this site's cookie.
COOKIE_SECRET = os.environ.get("COOKIE_SECRET", "only for trying it out, 32 bytes long")
# Seconds after which a payment without an acknowledgement becomes a text message.
SMS_AFTER = int(os.environ.get("SMS_AFTER", "20"))
PUBLIC = Path(__file__).parent.parent / "public"
