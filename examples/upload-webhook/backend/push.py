"""This app's calls of Wirebell: publishing events, and ending a device's sessions."""

from typing import Any
from urllib.parse import quote

import httpx
from wirebell import AsyncPublisher, Event

from settings import SERVICES


class Push:
    def __init__(self) -> None:
        self._wb = AsyncPublisher(SERVICES)
        self._services = httpx.AsyncClient(base_url=SERVICES)

    async def close(self) -> None:
        await self._wb.close()
        await self._services.aclose()

    def enqueue(self, user: str, kind: str, data: Any) -> None:
        """Returns at once; for data that the page also fetches on its next connect."""
        self._wb.enqueue(Event(f"user:{user}", kind, data))

    async def publish(self, user: str, kind: str, data: Any, once: str) -> None:
        """Returns once the event is in the user's log. Calls with the same `once` publish one event."""
        await self._wb.publish(Event(f"user:{user}", kind, data, id=once))

    async def end_sessions(self, user: str, device: str, until: int) -> None:
        """Disconnects the device on all nodes and revokes its tokens, including copies.

        Every token of the device has it as `jti`, and expires before `until`.
        """
        await self._post("/v1/revocations", {"jti": device, "until": until})
        await self._post(f"/v1/users/{quote(user, safe='')}/disconnect", {"device": device, "reason": "signed out"})

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        response = await self._services.post(path, json=body)
        response.raise_for_status()
