"""The backend: stores files, has a third party inspect them, and publishes the result to the user's devices."""

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
from session import TOKEN_LIFE, CurrentSession, Session, cookie_for, token_for
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
async def upload(session: CurrentSession, request: Request, name: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
    content = await request.body()
    if len(content) > settings.MAX_BYTES:
        raise HTTPException(413, "At most one megabyte.")
    file = store.add_file(secrets.token_hex(8), session.user, name, content)
    push.enqueue(session.user, "file", file)
    job = {"job": file["file"], "callback": str(request.url_for("inspected"))}
    try:
        (await inspector.post("/jobs", params=job, content=content)).raise_for_status()
    except httpx.HTTPError:
        raise HTTPException(502, "The inspector cannot be reached.") from None
    return file


@app.post("/webhooks/inspections", status_code=204)
async def inspected(request: Request, signed: Annotated[str, Header(alias="signature")] = "") -> None:
    body = await request.body()
    if not signature.is_valid(signed, body):
        raise HTTPException(401, "The signature is invalid.")
    report = json.loads(body)
    user = store.owner(report["job"])
    if user is None:
        raise HTTPException(404, "There is no such file.")
    store.save_findings(report["job"], report["found"])
    # Respond only once the event is stored. After an error the inspector repeats the call, which has no further effect.
    try:
        await push.publish(user, "file", store.file(report["job"]), once=f"inspected-{report['job']}")
    except PublishError as error:
        raise HTTPException(503, str(error)) from error


@app.get("/files")
async def files(session: CurrentSession) -> list[dict[str, Any]]:
    return store.files(session.user)


@app.post("/sign-in", status_code=204)
async def sign_in(body: SignIn, response: Response) -> None:
    # In this example, a name is enough.
    session = Session(body.user, secrets.token_hex(8))
    store.add_device(session.device, session.user, body.device)
    response.set_cookie("session", cookie_for(session), httponly=True, samesite="strict")
    push.enqueue(body.user, "devices", store.devices(body.user))


@app.delete("/devices/{device}", status_code=204)
async def sign_out(device: str, session: CurrentSession) -> None:
    """Signs out this device, or another device of the same user, such as a lost phone."""
    if not store.remove_device(device, session.user):
        raise HTTPException(404, "There is no such device.")
    push.enqueue(session.user, "devices", store.devices(session.user))
    # The device gets no new token. Its open connections end now, and its tokens are revoked.
    try:
        await push.end_sessions(session.user, device, until=int(time.time()) + TOKEN_LIFE)
    except httpx.HTTPError:
        raise HTTPException(503, "The device is signed out, but its open connections may last until its token expires.") from None


@app.get("/devices")
async def devices(session: CurrentSession) -> list[dict[str, str]]:
    return store.devices(session.user)


@app.get("/token")
async def token(session: CurrentSession) -> dict[str, str]:
    return {"user": session.user, "device": session.device, "url": settings.CLIENTS, "token": token_for(session)}


@app.get("/page.css", include_in_schema=False)
async def page_style() -> FileResponse:
    return FileResponse(settings.FOLDER.parent / "page.css")


app.mount("/wirebell", StaticFiles(directory=settings.CLIENT_PACKAGE))
app.mount("/", StaticFiles(directory=settings.FOLDER / "public", html=True))

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=settings.PORT, access_log=False)
