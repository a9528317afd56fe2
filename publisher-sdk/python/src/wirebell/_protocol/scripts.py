"""The Lua scripts: files of the repository that are copied into this package when it is built."""

from __future__ import annotations

import hashlib
from enum import Enum
from functools import cache
from importlib import resources


class Script(Enum):
    """A script, and the files it consists of."""

    PUBLISH = ("publish", "main")
    SCHEDULE = ("publish", "schedule")
    ALARM = ("publish", "alarm")
    CANCEL = ("cancel",)
    REGISTER = ("register",)
    FINISH = ("finish",)
    ANSWER = ("answer",)
    # Scripts that run rarely and are sent as source.
    KEEP = ("keep",)
    BURY = ("bury",)
    LEAVE = ("leave",)


LOADED = (
    *(Script.PUBLISH, Script.SCHEDULE, Script.ALARM, Script.CANCEL, Script.REGISTER, Script.FINISH),
    Script.ANSWER,
)
"""Scripts that are called by digest."""


@cache
def source(script: Script) -> str:
    """Returns the text. Redis finds it by the digest of these bytes, which every port of the protocol shares."""
    folder = resources.files("wirebell") / "lua"
    return "".join((folder / f"{name}.lua").read_bytes().decode() for name in script.value)


@cache
def digest(script: Script) -> str:
    """Returns the digest by which Redis finds the script."""
    return hashlib.sha1(source(script).encode(), usedforsecurity=False).hexdigest()
