"""Classifies error replies of Redis by what they mean for the next attempt."""

from __future__ import annotations

import re

import redis.exceptions as errors

from .._io.failure import Failure, event_failure, publisher_failure, timed_out, unavailable
from .._io.interfaces import Server, Timeouts
from ..errors import Refused

# Replies from before anything was written, and that are only temporary.
_TEMPORARY = frozenset(
    (
        *("ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED"),
        *("NOREPLICAS", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "UNKILLABLE"),
    )
)
# Replies that make the connection unusable: its server became a replica, lost a slot, is cut off from its
# Cluster, or requires a password now. A slot that is being migrated (`ASK`, `TRYAGAIN`) is not such a case:
# the keys of the script are on two servers, and no server can run it until they are on one again.
_REROUTE = frozenset(("CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"))

# redis-py removes the code from the message of errors that have their own class.
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
    """Returns the failure for an error code."""
    failure = _classify(code, detail)
    return failure.as_connection_failure() if code in _REROUTE else failure


def _classify(code: str, detail: str) -> Failure:
    message = f"Redis answered {code}: {detail}"
    if code in _TEMPORARY:
        return unavailable(message)
    rejected = Refused(message, code)
    # A missing permission for a command concerns all events; for a key only the events of that channel.
    if code in ("NOAUTH", "WRONGPASS") or (code == "NOPERM" and "command" in detail):
        return publisher_failure(rejected)
    # The error may come from within the script, after the event was appended: a retry could append it twice.
    return event_failure(rejected)


def from_reply(error: Exception) -> Failure:
    """Returns the failure for an error reply."""
    return from_code(*code_of(error))


def code_of(error: Exception) -> tuple[str, str]:
    """Returns the code of an error reply, and its text."""
    text = str(error)
    for kind, code in _CODES:
        if type(error) is kind:
            return code, text
    if isinstance(error, (errors.AuthenticationError, errors.AuthorizationError)):
        return ("NOAUTH" if "required" in text else "WRONGPASS"), text
    found = _CODE.fullmatch(text)
    return (found[1], found[2]) if found else ("ERR", text)


def from_connection(error: Exception, server: Server, timeouts: Timeouts, *, is_open: bool) -> Failure:
    """Returns the failure for an unusable connection. It applies to every request on it."""
    if isinstance(error, errors.AuthenticationError):
        code, _ = code_of(error)
        what = "requires a password" if code == "NOAUTH" else "rejected the user name or the password"
        return publisher_failure(Refused(f"Redis {what}", code)).as_connection_failure()
    if isinstance(error, (errors.TimeoutError, TimeoutError)):
        if is_open:
            return timed_out(timeouts.reply).as_connection_failure()
        return unavailable(f"cannot connect to Redis at {server} within {timeouts.connect:g} s").as_connection_failure()
    if isinstance(error, (errors.ResponseError, errors.BusyLoadingError, errors.MasterDownError)):
        return from_reply(error).as_connection_failure()
    what = "lost the connection to Redis at {}" if is_open else "cannot connect to Redis at {}"
    return unavailable(f"{what.format(server)}: {error}").as_connection_failure()


def unexpected_reply(detail: str) -> Failure:
    """Returns the failure for a reply that Redis should not have sent."""
    return event_failure(Refused(detail, "bad_reply"))


def has_code(failure: Failure, code: str) -> bool:
    """Returns whether the failure is an error reply with this code."""
    return isinstance(failure.error, Refused) and failure.error.code == code


def is_error_reply(error: Exception) -> bool:
    """Returns whether the error is a reply to one command, after which the connection is still usable."""
    return isinstance(error, errors.ResponseError)
