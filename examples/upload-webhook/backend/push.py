"""What this app says to Wirebell: events for a user, and the end of a device's sessions."""

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

    def tell(self, user: str, kind: str, data: Any) -> None:
        """Returns at once; for what a page will see sooner or later anyway."""
        self._wb.enqueue(Event(f"user:{user}", kind, data))

    async def confirm(self, user: str, kind: str, data: Any, once: str) -> None:
        """Returns when the event stands in the user's log, where no device can miss it; with the same `once` only one does."""
        await self._wb.publish(Event(f"user:{user}", kind, data, id=once))

    async def end(self, user: str, device: str, until: int) -> None:
        """Ends the device's sessions, on whichever nodes they are, and makes its tokens good no longer, copies of them included.

        All its tokens have the device as their `jti`, and have expired by `until`.
        """
        await self._ask("/v1/revocations", {"jti": device, "until": until})
        await self._ask(f"/v1/users/{quote(user, safe='')}/disconnect", {"device": device, "reason": "signed out"})

    async def _ask(self, path: str, body: dict[str, Any]) -> None:
        response = await self._services.post(path, json=body)
        response.raise_for_status()
