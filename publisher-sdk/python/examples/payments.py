"""A service that receives payment webhooks, publishes them to users, and texts users who do not see them.

WIREBELL_URL=redis://127.0.0.1:6379 uvicorn --app-dir examples payments:app
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from wirebell import AsyncFallbacks, AsyncPublisher, Event, Fallback, NotAcknowledged, PublishError

URL = os.environ.get("WIREBELL_URL", "redis://127.0.0.1:6379")
log = logging.getLogger("uvicorn.error")

wb = AsyncPublisher(URL, service_key=os.environ.get("WIREBELL_SERVICE_KEY"))


class Payment(BaseModel):
    id: str
    user: str
    status: str


async def send_text_message(fallback: Fallback) -> None:
    # After an exception the event is retried later.
    log.info("text message to %s: payment %s", fallback.channel, fallback.data["status"])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with wb, AsyncFallbacks(URL, "text-messages") as fallbacks:
        running = asyncio.create_task(fallbacks.run(send_text_message))
        yield
        await fallbacks.close()
        await running


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/payments", status_code=204)
async def paid(payment: Payment) -> None:
    # Returns at once, in any state of the bus. A repeated webhook has the same id, so it is one event.
    event = Event(
        f"user:{payment.user}",
        "payment-status",
        payment.model_dump(),
        id=f"payment-{payment.id}-{payment.status}",
        deadline=30,
    )
    if not wb.enqueue(event):
        log.warning(
            "the buffer is full because the bus was unreachable for too long: payment %s is not published", payment.id
        )


@app.post("/payments/{payment_id}/confirm")
async def confirm(payment_id: str, user: str) -> dict[str, str]:
    # The caller waits for the result: was the event seen?
    try:
        published = await wb.publish(Event(f"user:{user}", "confirm", {"payment": payment_id}, receipt=True))
        seen = await published.acknowledged(timeout=5.0)
    except NotAcknowledged as error:
        return {"seen": "no", "why": error.code}
    except PublishError as error:
        raise HTTPException(503, str(error)) from error
    return {"seen": "yes", "device": seen.device}
