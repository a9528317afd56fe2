"""A service with FastAPI. It publishes events on HTTP requests and prints what it receives as lines of JSON.

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
settings = json.loads(os.environ["LANGUAGES"])


def print_line(**line: object) -> None:
    print(json.dumps(line), flush=True)


wb = AsyncPublisher(settings["redis"])
inbox = AsyncInbox(settings["redis"], settings["service"], gone_after=settings["goneAfter"] / 1_000, first_wait=0.05)


@inbox.on(f"ask-{ME}")
async def reply(event: InboxEvent) -> dict[str, object]:
    return {"from": ME, "user": event.user, "data": event.data}


@inbox.on("note")
@inbox.on("user.online")
@inbox.on("user.offline")
async def record(event: InboxEvent) -> None:
    print_line(event=event.id, type=event.type, user=event.user, device=event.device, json=event.json)


@inbox.on(settings.get("batch", "batch"))
async def batch(event: InboxEvent) -> dict[str, object]:
    print_line(begun=event.data, tries=event.tries)
    if event.data in settings.get("hangs", ()):
        # The events in `hangs` are never finished here.
        await asyncio.sleep(600)
    print_line(handled=event.data)
    return {"by": ME, "number": event.data}


async def handle_fallback(fallback: Fallback) -> None:
    print_line(fallback=fallback.id, channel=fallback.channel, data=fallback.data)


async def follow(receipts: AsyncReceipts) -> None:
    async for update in receipts:
        print_line(receipt=update.id, outcome=str(update.outcome))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as open_:
        await open_.enter_async_context(wb)
        running = [asyncio.create_task(inbox.run())]
        if "group" in settings:
            fallbacks = await open_.enter_async_context(AsyncFallbacks(settings["redis"], settings["group"]))
            receipts = await open_.enter_async_context(wb.follow(settings["group"]))
            running += [asyncio.create_task(fallbacks.run(handle_fallback)), asyncio.create_task(follow(receipts))]
            open_.push_async_callback(fallbacks.close, 2.0)
        open_.push_async_callback(inbox.close, 2.0)
        print_line(ready=ME)
        yield
    await asyncio.gather(*running)


app = FastAPI(lifespan=lifespan)


@app.exception_handler(WirebellError)
async def error_response(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"code": getattr(error, "code", "internal")}, 422)


@app.post("/publish")
async def publish(event: dict[str, Any]) -> dict[str, object]:
    published = await wb.publish(event)
    return {"id": published.id, "nodes": published.nodes}


@app.post("/confirm")
async def confirm(event: dict[str, Any]) -> dict[str, object]:
    published = await wb.publish({**event, "receipt": True})
    return {"id": published.id, "device": (await published.acknowledged(timeout=10.0)).device}
