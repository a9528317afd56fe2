"""What an error that Redis answered with says about the next try."""

from __future__ import annotations

import re

import redis.exceptions as errors

from .._io.failure import Failure, event_failure, publisher_failure, timed_out, unavailable
from .._io.interfaces import Server, Timeouts
from ..errors import Refused

# Said before anything was written, and true only for now.
_TEMPORARY = frozenset(
    (
        *("ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED"),
        *("NOREPLICAS", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "UNKILLABLE"),
    )
)
# Said of this connection, which has to be replaced: its server has become a replica, has given a slot away, is cut
# off from its Cluster, or wants a password now. Not so where a slot is on its way (`ASK`, `TRYAGAIN`): the script's
# keys are in two places then, and until they are in one again nobody can run it.
_REROUTE = frozenset(("CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"))

# redis-py takes the code off the message of errors that have a class of their own.
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (errors.NoScriptError, "NOSCRIPT"),
    (errors.ReadOnlyError, "READONLY"),
    (errors.OutOfMemoryError, "OOM"),
    (errors.BusyLoadingError, "LOADING"),
    (errors.NoPermissionError, "NOPERM"),
    (errors.MovedError, "MOVED"),
    (errors.AskError, "ASK"),
    (errors.TryAgainError, "TRYAGAIN"),
    (errors.ClusterDownError, "CLUSTERDOWN"),
    (errors.MasterDownError, "MASTERDOWN"),
)
_CODE = re.compile(r"([A-Z][A-Z0-9_]*) (.*)", re.DOTALL)


def from_code(code: str, detail: str) -> Failure:
    """Judges by the error's code."""
    failure = _classify(code, detail)
    return failure.as_connection_failure() if code in _REROUTE else failure


def _classify(code: str, detail: str) -> Failure:
    words = f"Redis answered {code}: {detail}"
    if code in _TEMPORARY:
        return unavailable(words)
    refused = Refused(words, code)
    # A missing permission for a command concerns every event, one for a key only those of that channel.
    if code in ("NOAUTH", "WRONGPASS") or (code == "NOPERM" and "command" in detail):
        return publisher_failure(refused)
    # It may come from within the script, after the event was appended: trying again could append it twice.
    return event_failure(refused)


def from_reply(error: Exception) -> Failure:
    """An error in the place of an answer."""
    return from_code(*code_of(error))


def code_of(error: Exception) -> tuple[str, str]:
    """The code of an error that Redis answered with, and its words."""
    text = str(error)
    for kind, code in _CODES:
        if type(error) is kind:
            return code, text
    if isinstance(error, (errors.AuthenticationError, errors.AuthorizationError)):
        return ("NOAUTH" if "required" in text else "WRONGPASS"), text
    found = _CODE.fullmatch(text)
    return (found[1], found[2]) if found else ("ERR", text)


def from_connection(error: Exception, server: Server, timeouts: Timeouts, *, is_open: bool) -> Failure:
    """Why a connection is of no use: each of the requests on it shares that."""
    if isinstance(error, errors.AuthenticationError):
        code, _ = code_of(error)
        what = "wants a password" if code == "NOAUTH" else "does not know this user with this password"
        return publisher_failure(Refused(f"Redis {what}", code)).as_connection_failure()
    if isinstance(error, (errors.TimeoutError, TimeoutError)):
        if is_open:
            return timed_out(timeouts.answer).as_connection_failure()
        return unavailable(f"no connection to Redis at {server} within {timeouts.connect:g} s").as_connection_failure()
    if isinstance(error, (errors.ResponseError, errors.BusyLoadingError, errors.MasterDownError)):
        return from_reply(error).as_connection_failure()
    what = "the connection to Redis at {} broke" if is_open else "no connection to Redis at {}"
    return unavailable(f"{what.format(server)}: {error}").as_connection_failure()


def unexpected_reply(detail: str) -> Failure:
    """Redis answered something else than it does."""
    return event_failure(Refused(detail, "bad_reply"))


def has_code(failure: Failure, code: str) -> bool:
    """Does Redis say so in this failure?"""
    return isinstance(failure.error, Refused) and failure.error.code == code


def is_error_reply(error: Exception) -> bool:
    """Is it what Redis answered to one command, after which the connection goes on?"""
    return isinstance(error, errors.ResponseError)
