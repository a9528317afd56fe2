"""The Lua scripts: the files of `protocol/`, put into this package when it is built."""

from __future__ import annotations

import hashlib
from enum import Enum
from functools import cache
from importlib import resources


class Script(Enum):
    """A script, by the files that it is made of."""

    PUBLISH = ("publish", "main")
    SCHEDULE = ("publish", "schedule")
    ALARM = ("publish", "alarm")
    CANCEL = ("cancel",)
    REGISTER = ("register",)
    FINISH = ("finish",)
    ANSWER = ("answer",)
    # Those that run seldom, and are sent whole.
    KEEP = ("keep",)
    BURY = ("bury",)
    LEAVE = ("leave",)


LOADED = (
    *(Script.PUBLISH, Script.SCHEDULE, Script.ALARM, Script.CANCEL, Script.REGISTER, Script.FINISH),
    Script.ANSWER,
)
"""Those that are called by their digests."""


@cache
def source(script: Script) -> str:
    """Its text, as every other port of the protocol has it: it is found in Redis by the digest of these bytes."""
    folder = resources.files("wirebell") / "lua"
    return "".join((folder / f"{name}.lua").read_bytes().decode() for name in script.value)


@cache
def digest(script: Script) -> str:
    """The name by which Redis knows it."""
    return hashlib.sha1(source(script).encode(), usedforsecurity=False).hexdigest()
