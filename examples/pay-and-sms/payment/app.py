"""The payment service. It charges and answers; publishing never delays the answer.

`enqueue` puts the event into the memory of this process and returns, in any state of Redis, the nodes and the SMS
service. This service does not know the SMS service: it only sets the deadline for an acknowledgement.
"""

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field, StringConstraints
from wirebell import AsyncPublisher, Event

import settings
from session import User, cookie_for, token_for

log = logging.getLogger("uvicorn.error")
wb = AsyncPublisher(settings.REDIS)


class SignIn(BaseModel):
    user: Annotated[str, StringConstraints(pattern="^[a-z]{2,20}$")]


class Payment(BaseModel):
    amount: Annotated[Decimal, Field(gt=0, le=10_000, decimal_places=2)]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with wb:  # publishes what still waits when the process ends
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/payments", status_code=201)
async def pay(payment: Payment, user: User) -> dict[str, str]:
    # A real service would charge the card and record the payment here.
    paid = {"payment": uuid.uuid4().hex, "amount": f"{payment.amount:.2f}", "status": "paid"}
    event = Event(f"user:{user}", "payment-status", paid, id=paid["payment"], deadline=settings.SMS_AFTER)
    if not wb.enqueue(event):
        log.warning("the buffer is full because Redis was unreachable for too long: payment %s is not published", paid["payment"])
    return paid


@app.post("/sign-in", status_code=204)
async def sign_in(body: SignIn, response: Response) -> None:
    # In this example, a name is enough.
    response.set_cookie("session", cookie_for(body.user), httponly=True, samesite="strict")


@app.get("/token")
async def token(user: User) -> dict[str, str]:
    return {"user": user, "url": settings.CLIENTS, "token": token_for(user)}


@app.get("/page.css", include_in_schema=False)
async def page_style() -> FileResponse:
    return FileResponse(settings.PUBLIC.parent.parent / "page.css")


app.mount("/", StaticFiles(directory=settings.PUBLIC, html=True))

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=settings.PORT, access_log=False)
