"""What has to be made or changed of what the document describes."""

import base64
import json
import time

import schemathesis
from hypothesis import strategies

scalars = strategies.none() | strategies.booleans() | strategies.integers(-1000, 1000) | strategies.text("aé€", max_size=5)
values = strategies.lists(scalars, max_size=3) | strategies.dictionaries(strategies.text("ab", max_size=3), scalars, max_size=3)
encoded = values.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())
schemathesis.openapi.format("json-in-base64", encoded)

places = strategies.tuples(strategies.integers(0, 7), strategies.text("ab1", max_size=5)).map(lambda place: f"{place[0]}:{place[1]}")
schemathesis.openapi.format("page", places.map(lambda place: base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")))


@schemathesis.hook
def before_call(context, case, kwargs):
    """A moment is good for some time only, and nobody acknowledges here, so that a request that waits would do so for long."""
    wait = str((case.query or {}).get("wait", ""))
    if wait.isascii() and wait.isdigit() and 1 < int(wait) <= 60:
        case.query["wait"] = 1
    if case.operation.path == "/v1/revocations" and isinstance(case.body, dict):
        for name, moment in {"until": int(time.time()) + 1_000, "issued_before": 1}.items():
            if type(case.body.get(name)) is int and case.body[name] >= 1:
                case.body[name] = moment
