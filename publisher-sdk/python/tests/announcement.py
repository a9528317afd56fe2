"""Reads an announcement as a node does: a header line, and the frame for clients."""

from __future__ import annotations

from dataclasses import dataclass

from wirebell import Cursor
from wirebell._protocol import channel

CLASSES = {"d": "durable", "r": "retained", "v": "volatile"}


@dataclass(frozen=True)
class Announcement:
    channel: str
    class_: str
    cursor: str | None
    previous: str | None
    accepted_at: int
    expires_at: int | None
    watched: str | None
    frame: str

    @classmethod
    def read(cls, message: str) -> Announcement:
        header, end, frame = message.partition("\n")
        # An id may contain spaces, so it is the last word.
        version, letter, name, cursor, previous, accepted, expires, *tracked = header.split(" ", 7)
        if not end or version != "1" or letter not in CLASSES:
            raise ValueError("not an announcement of version 1")
        position = None if cursor == "-" else (str(Cursor.parse(cursor)), str(Cursor.parse(previous)))
        return cls(
            channel=channel.check(name),
            class_=CLASSES[letter],
            cursor=position and position[0],
            previous=position and position[1],
            accepted_at=int(accepted),
            expires_at=None if expires == "-" else int(expires),
            watched=tracked[0] if tracked else None,
            frame=frame,
        )
