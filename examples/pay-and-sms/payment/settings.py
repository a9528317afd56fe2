"""Where things are, and how long a device has to show a payment before a text message goes out."""

import os
from pathlib import Path

PORT = int(os.environ.get("PORT", "3000"))
# The nodes' Redis.
REDIS = os.environ.get("PUSH_REDIS", "redis://127.0.0.1:6379")
# Where browsers find the nodes, and what signs the tokens that they accept.
CLIENTS = os.environ.get("PUSH_CLIENTS", "ws://127.0.0.1:8080/ws")
PUSH_SECRET = os.environ.get("PUSH_SECRET", "wirebell-dev-secret")
# What signs this site's own cookie.
COOKIE_SECRET = os.environ.get("COOKIE_SECRET", "only for trying it out, 32 bytes long")
SMS_AFTER = int(os.environ.get("SMS_AFTER", "20"))
PUBLIC = Path(__file__).parent.parent / "public"
