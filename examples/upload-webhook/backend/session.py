"""Sign-in: a cookie for this site that names the user and the device, and a token for the nodes.

A cookie of a removed device is no longer valid.
"""

import time
from dataclasses import dataclass
from typing import Annotated

import jwt
from fastapi import Cookie, Depends, HTTPException, Request

from settings import COOKIE_SECRET, PUSH_SECRET

WEEK = 7 * 24 * 3600
TOKEN_LIFE = 300


@dataclass(frozen=True)
class Session:
    user: str
    device: str


def _sign(session: Session, lifetime: int, secret: str) -> str:
    claims = {"sub": session.user, "device": session.device, "jti": session.device, "exp": int(time.time()) + lifetime}
    return jwt.encode(claims, secret, algorithm="HS256")


def cookie_for(session: Session) -> str:
    return _sign(session, WEEK, COOKIE_SECRET)


def token_for(session: Session) -> str:
    return _sign(session, TOKEN_LIFE, PUSH_SECRET)


async def _signed_in(request: Request, session: Annotated[str, Cookie()] = "") -> Session:
    try:
        claims = jwt.decode(session, COOKIE_SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Sign in first.") from None
    found = Session(claims["sub"], claims["device"])
    if not request.app.state.store.has_device(found.device, found.user):
        raise HTTPException(401, "This device was signed out.")
    return found


CurrentSession = Annotated[Session, Depends(_signed_in)]
