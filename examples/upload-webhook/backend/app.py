"""The backend: takes files, has them inspected by a third party, and tells the user's devices when that has called back."""

import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, StringConstraints
from wirebell import PublishError

import settings
import signature
from push import Push
from session import TOKEN_LIFE, Session, Who, cookie_for, token_for
from store import Store

store = Store(settings.DATA)
push = Push()
inspector = httpx.AsyncClient(base_url=settings.INSPECTOR)


class SignIn(BaseModel):
    user: Annotated[str, StringConstraints(pattern="^[a-z]{2,20}$")]
    device: Annotated[str, StringConstraints(min_length=1, max_length=40)]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await push.close()
    await inspector.aclose()


app = FastAPI(lifespan=lifespan)
app.state.store = store


@app.post("/files", status_code=202)
async def upload(who: Who, request: Request, name: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
    content = await request.body()
    if len(content) > settings.MOST_BYTES:
        raise HTTPException(413, "At most one megabyte.")
    file = store.add_file(secrets.token_hex(8), who.user, name, content)
    push.tell(who.user, "file", file)
    job = {"job": file["file"], "callback": str(request.url_for("inspected"))}
    try:
        (await inspector.post("/jobs", params=job, content=content)).raise_for_status()
    except httpx.HTTPError:
        raise HTTPException(502, "The inspector cannot be reached.") from None
    return file


@app.post("/webhooks/inspections", status_code=204)
async def inspected(request: Request, signed: Annotated[str, Header(alias="signature")] = "") -> None:
    body = await request.body()
    if not signature.is_good(signed, body):
        raise HTTPException(401, "The signature is not good.")
    told = json.loads(body)
    user = store.owner(told["job"])
    if user is None:
        raise HTTPException(404, "There is no such file.")
    store.found(told["job"], told["found"])
    # Answered only once the event is safe: else the inspector calls again, and nothing is done twice.
    try:
        await push.confirm(user, "file", store.file(told["job"]), once=f"inspected-{told['job']}")
    except PublishError as error:
        raise HTTPException(503, str(error)) from error


@app.get("/files")
async def files(who: Who) -> list[dict[str, Any]]:
    return store.files(who.user)


@app.post("/sign-in", status_code=204)
async def sign_in(body: SignIn, response: Response) -> None:
    # For trying it out, a name will do.
    session = Session(body.user, secrets.token_hex(8))
    store.add_device(session.device, session.user, body.device)
    response.set_cookie("session", cookie_for(session), httponly=True, samesite="strict")
    push.tell(body.user, "devices", store.devices(body.user))


@app.delete("/devices/{device}", status_code=204)
async def sign_out(device: str, who: Who) -> None:
    """This device, or another one of the same user, such as a phone that was lost."""
    if not store.remove_device(device, who.user):
        raise HTTPException(404, "There is no such device.")
    push.tell(who.user, "devices", store.devices(who.user))
    # It gets no new token from now on. What it has open ends now, and what it has in hand is worth nothing.
    try:
        await push.end(who.user, device, until=int(time.time()) + TOKEN_LIFE)
    except httpx.HTTPError:
        raise HTTPException(503, "It is signed out, but what it has open may go on until its token ends.") from None


@app.get("/devices")
async def devices(who: Who) -> list[dict[str, str]]:
    return store.devices(who.user)


@app.get("/token")
async def token(who: Who) -> dict[str, str]:
    return {"user": who.user, "device": who.device, "url": settings.CLIENTS, "token": token_for(who)}


@app.get("/page.css", include_in_schema=False)
async def page_style() -> FileResponse:
    return FileResponse(settings.FOLDER.parent / "page.css")


app.mount("/wirebell", StaticFiles(directory=settings.CLIENT_PACKAGE))
app.mount("/", StaticFiles(directory=settings.FOLDER / "public", html=True))

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=settings.PORT, access_log=False)
