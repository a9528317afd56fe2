"""Stores files with their inspection results, and the devices of users, in SQLite."""

import json
import sqlite3
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS files (id TEXT PRIMARY KEY, user TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, found TEXT);
CREATE TABLE IF NOT EXISTS devices (device TEXT PRIMARY KEY, user TEXT NOT NULL, name TEXT NOT NULL);
"""


class Store:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._db = sqlite3.connect(folder / "app.sqlite", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(_TABLES)

    def add_file(self, file: str, user: str, name: str, content: bytes) -> dict[str, Any]:
        (self._folder / file).write_bytes(content)
        self._db.execute("INSERT INTO files (id, user, name, bytes) VALUES (?, ?, ?, ?)", (file, user, name, len(content)))
        return self.file(file)

    def save_findings(self, file: str, found: dict[str, Any]) -> None:
        self._db.execute("UPDATE files SET found = ? WHERE id = ?", (json.dumps(found), file))

    def file(self, file: str) -> dict[str, Any]:
        """Returns the file as pages show it, or an empty mapping if there is none."""
        row = self._db.execute("SELECT * FROM files WHERE id = ?", (file,)).fetchone()
        return _to_json(row) if row else {}

    def owner(self, file: str) -> str | None:
        row = self._db.execute("SELECT user FROM files WHERE id = ?", (file,)).fetchone()
        return row["user"] if row else None

    def files(self, user: str) -> list[dict[str, Any]]:
        return [_to_json(row) for row in self._db.execute("SELECT * FROM files WHERE user = ? ORDER BY rowid", (user,))]

    def add_device(self, device: str, user: str, name: str) -> None:
        self._db.execute("INSERT INTO devices VALUES (?, ?, ?)", (device, user, name))

    def remove_device(self, device: str, user: str) -> bool:
        return self._db.execute("DELETE FROM devices WHERE device = ? AND user = ?", (device, user)).rowcount > 0

    def devices(self, user: str) -> list[dict[str, str]]:
        rows = self._db.execute("SELECT device, name FROM devices WHERE user = ? ORDER BY rowid", (user,))
        return [dict(row) for row in rows]

    def has_device(self, device: str, user: str) -> bool:
        return any(entry["device"] == device for entry in self.devices(user))


def _to_json(row: sqlite3.Row) -> dict[str, Any]:
    found = json.loads(row["found"]) if row["found"] else None
    return {"file": row["id"], "name": row["name"], "bytes": row["bytes"], "found": found}
