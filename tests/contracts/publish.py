"""Publishes CloudEvents in each content mode of HTTP, with the official SDK: `publish.py URL`.

Prints one line of JSON for each result.
"""

import json
import sys
import urllib.request
from datetime import datetime, timezone
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent


def event(number: int, data: Any, **more: Any) -> CloudEvent:
    attributes = {
        "id": f"py-{number}",
        "source": "/python",
        "type": "from-python",
        "specversion": "1.0",
        "time": datetime(2026, 11, 21, 10, tzinfo=timezone.utc),
        "datacontenttype": "application/json",
        "wirebellto": "user:42",
        **more,
    }
    return CloudEvent(attributes=attributes, data=data)


def post(message: HTTPMessage) -> None:
    request = urllib.request.Request(sys.argv[1], data=message.body, headers=message.headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as response:
        print(json.dumps({"status": response.status, **json.loads(response.read())}))


def batch(events: list[CloudEvent]) -> None:
    body = b"[" + b",".join(JSONFormat().write(one) for one in events) + b"]"
    request = urllib.request.Request(
        sys.argv[1], data=body, headers={"content-type": "application/cloudevents-batch+json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        for result in json.loads(response.read()):
            print(json.dumps(result))


post(to_structured(event(1, {"mode": "structured", "euro": "€"}, wirebellreceipt=True), JSONFormat()))
post(to_binary(event(2, {"mode": "binary", "euro": "€"}, wirebellreceipt=True, wirebellttl=60), JSONFormat()))
batch([event(3, {"mode": "batch"})])
retained = {"type": "kept-by-python", "wirebellclass": "retained", "wirebellkey": "Preis in €, 100%", "datacontenttype": "text/plain"}
post(to_binary(event(4, 'als "Text"', **retained), JSONFormat()))
