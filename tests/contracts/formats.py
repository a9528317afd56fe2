"""What has to be made or changed of what the document describes."""

import base64
import json

import schemathesis
from hypothesis import strategies

scalars = strategies.none() | strategies.booleans() | strategies.integers(-1000, 1000) | strategies.text("aé€", max_size=5)
values = strategies.lists(scalars, max_size=3) | strategies.dictionaries(strategies.text("ab", max_size=3), scalars, max_size=3)
encoded = values.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())
schemathesis.openapi.format("json-in-base64", encoded)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody acknowledges here, so that a request that waits would do so for as long as it says."""
    wait = str((case.query or {}).get("wait", ""))
    if wait.isascii() and wait.isdigit() and 1 < int(wait) <= 60:
        case.query["wait"] = 1
