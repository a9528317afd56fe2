"""Sign-in: a cookie for this site, and a token for the nodes."""

import time
from typing import Annotated

import jwt
from fastapi import Cookie, Depends, HTTPException

from settings import COOKIE_SECRET, PUSH_SECRET

WEEK = 7 * 24 * 3600


def _sign(user: str, lifetime: int, secret: str) -> str:
    return jwt.encode({"sub": user, "exp": int(time.time()) + lifetime}, secret, algorithm="HS256")


def cookie_for(user: str) -> str:
    return _sign(user, WEEK, COOKIE_SECRET)


def token_for(user: str) -> str:
    return _sign(user, 600, PUSH_SECRET)


async def _signed_in(session: Annotated[str, Cookie()] = "") -> str:
    try:
        return str(jwt.decode(session, COOKIE_SECRET, algorithms=["HS256"])["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Sign in first.") from None


User = Annotated[str, Depends(_signed_in)]
