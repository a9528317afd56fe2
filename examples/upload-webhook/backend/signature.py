"""Checks webhook signatures: `t=<seconds>,v1=<HMAC-SHA256 of "seconds.body">`, at most five minutes old."""

import hashlib
import hmac
import time

from settings import WEBHOOK_SECRET

_MAX_AGE = 300


def is_valid(header: str, body: bytes) -> bool:
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    at, given = parts.get("t", ""), parts.get("v1", "")
    if not at.isdigit() or abs(time.time() - int(at)) > _MAX_AGE:
        return False
    wanted = hmac.new(WEBHOOK_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, given)
