"""An announcement as a node reads it: one header line, and the frame for the client."""

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
        # An id may hold spaces: it is the last.
        version, letter, name, cursor, previous, accepted, expires, *watched = header.split(" ", 7)
        if not end or version != "1" or letter not in CLASSES:
            raise ValueError("not an announcement of version 1")
        place = None if cursor == "-" else (str(Cursor.parse(cursor)), str(Cursor.parse(previous)))
        return cls(
            channel=channel.check(name),
            class_=CLASSES[letter],
            cursor=place and place[0],
            previous=place and place[1],
            accepted_at=int(accepted),
            expires_at=None if expires == "-" else int(expires),
            watched=watched[0] if watched else None,
            frame=frame,
        )
