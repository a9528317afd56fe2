"""A service with FastAPI: it publishes what it is told to by HTTP, and tells in lines of JSON what comes to it.

LANGUAGES='{"redis":"redis://…","service":"chat",…}' uvicorn --app-dir services service:app
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from wirebell import AsyncFallbacks, AsyncInbox, AsyncPublisher, AsyncReceipts, Fallback, InboxEvent, WirebellError

ME = "python"
wanted = json.loads(os.environ["LANGUAGES"])


def told(**line: object) -> None:
    print(json.dumps(line), flush=True)


wb = AsyncPublisher(wanted["redis"])
inbox = AsyncInbox(wanted["redis"], wanted["service"], gone_after=wanted["goneAfter"] / 1_000, first_wait=0.05)


@inbox.on(f"ask-{ME}")
async def ask(event: InboxEvent) -> dict[str, object]:
    return {"from": ME, "user": event.user, "data": event.data}


@inbox.on("note")
@inbox.on("user.online")
@inbox.on("user.offline")
async def hear(event: InboxEvent) -> None:
    told(event=event.id, type=event.type, user=event.user, device=event.device, json=event.json)


@inbox.on(wanted.get("batch", "batch"))
async def batch(event: InboxEvent) -> dict[str, object]:
    told(begun=event.data, tries=event.tries)
    if event.data in wanted.get("hangs", ()):
        # It never comes to its end here.
        await asyncio.sleep(600)
    told(handled=event.data)
    return {"by": ME, "number": event.data}


async def take_over(fallback: Fallback) -> None:
    told(fallback=fallback.id, channel=fallback.channel, data=fallback.data)


async def follow(receipts: AsyncReceipts) -> None:
    async for one in receipts:
        told(receipt=one.id, outcome=str(one.outcome))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as open_:
        await open_.enter_async_context(wb)
        running = [asyncio.create_task(inbox.run())]
        if "group" in wanted:
            fallbacks = await open_.enter_async_context(AsyncFallbacks(wanted["redis"], wanted["group"]))
            receipts = await open_.enter_async_context(wb.follow(wanted["group"]))
            running += [asyncio.create_task(fallbacks.run(take_over)), asyncio.create_task(follow(receipts))]
            open_.push_async_callback(fallbacks.close, 2.0)
        open_.push_async_callback(inbox.close, 2.0)
        told(ready=ME)
        yield
    await asyncio.gather(*running)


app = FastAPI(lifespan=lifespan)


@app.exception_handler(WirebellError)
async def refused(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"code": getattr(error, "code", "internal")}, 422)


@app.post("/publish")
async def publish(event: dict[str, Any]) -> dict[str, object]:
    published = await wb.publish(event)
    return {"id": published.id, "nodes": published.nodes}


@app.post("/confirm")
async def confirm(event: dict[str, Any]) -> dict[str, object]:
    published = await wb.publish({**event, "receipt": True})
    return {"id": published.id, "device": (await published.acknowledged(timeout=10.0)).device}
