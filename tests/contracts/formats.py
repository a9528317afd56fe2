"""Hooks for schemathesis: generators for the document's own formats, and changes to requests before they are sent."""

import base64
import json
import time

import schemathesis
from hypothesis import strategies

scalars = strategies.none() | strategies.booleans() | strategies.integers(-1000, 1000) | strategies.text("aé€", max_size=5)
values = strategies.lists(scalars, max_size=3) | strategies.dictionaries(strategies.text("ab", max_size=3), scalars, max_size=3)
encoded = values.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())
schemathesis.openapi.format("json-in-base64", encoded)

positions = strategies.tuples(strategies.integers(0, 7), strategies.text("ab1", max_size=5)).map(lambda at: f"{at[0]}:{at[1]}")
schemathesis.openapi.format("page", positions.map(lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Replaces times by valid ones, since only times near the present are accepted. Shortens `wait`: no client acknowledges
    events here, so a request would wait for its whole time."""
    wait = str((case.query or {}).get("wait", ""))
    if wait.isascii() and wait.isdigit() and 1 < int(wait) <= 60:
        case.query["wait"] = 1
    if case.operation.path == "/v1/revocations" and isinstance(case.body, dict):
        for name, timestamp in {"until": int(time.time()) + 1_000, "issued_before": 1}.items():
            if type(case.body.get(name)) is int and case.body[name] >= 1:
                case.body[name] = timestamp
