"""Receives CloudEvents as a client: `listen.py URL TOKEN COUNT`. Prints one line of JSON per event."""

import asyncio
import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from websockets.asyncio.client import connect


async def listen(url: str, token: str, count: int) -> None:
    async with connect(url, subprotocols=["cloudevents.json", f"wirebell.bearer.{token}"]) as socket:
        for _ in range(count):
            text = await asyncio.wait_for(socket.recv(), 20)
            headers = {"content-type": "application/cloudevents+json"}
            event = from_structured(HTTPMessage(headers=headers, body=text.encode()), JSONFormat())
            line = {
                "subprotocol": socket.subprotocol,
                "type": event.get_type(),
                "source": event.get_source(),
                "channel": event.get_extension("wirebellchannel"),
                "data": event.get_data(),
            }
            print(json.dumps(line))


asyncio.run(listen(sys.argv[1], sys.argv[2], int(sys.argv[3])))
