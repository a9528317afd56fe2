"""Runs the same tests against the blocking and the asyncio API."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

import wirebell

ASYNC = (
    wirebell.AsyncPublisher,
    wirebell.AsyncPublished,
    wirebell.AsyncReceipts,
    wirebell.AsyncFallbacks,
    wirebell.AsyncClaim,
    wirebell.AsyncInbox,
    wirebell.AsyncInboxClaim,
)


class Loop:
    """An event loop in its own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class BlockingProxy:
    """Wraps an object of the asyncio API, so that it can be used like its blocking counterpart."""

    def __init__(self, inner: Any, loop: Loop) -> None:
        self._inner = inner
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            if name == "on":
                return lambda handler: found(*arguments)(_in_a_thread(handler))
            if name == "run" and arguments:
                arguments = (_in_a_thread(arguments[0]),)
            answer = found(*arguments, **named)
            return self._wrap(self._loop.do(answer) if inspect.isawaitable(answer) else answer)

        return call

    def _wrap(self, answer: Any) -> Any:
        if isinstance(answer, list):
            return [self._wrap(one) for one in answer]
        return BlockingProxy(answer, self._loop) if isinstance(answer, ASYNC) else answer

    def __enter__(self) -> Any:
        return self.open() if hasattr(self._inner, "open") else self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Any:
        return iter(self.next, None)


def _in_a_thread(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def handle(fallback: Any) -> Any:
        return await asyncio.to_thread(handler, fallback)

    return handle


class ApiStyle:
    """Creates publishers and workers of one API style."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._loop = Loop() if name == "asyncio" else None

    def publisher(self, url: str, **options: Any) -> Any:
        if self._loop is None:
            return wirebell.Publisher(url, **options)
        return BlockingProxy(wirebell.AsyncPublisher(url, **options), self._loop)

    def fallbacks(self, url: str, group: str, **options: Any) -> Any:
        if self._loop is None:
            return wirebell.Fallbacks(url, group, **options)
        return BlockingProxy(wirebell.AsyncFallbacks(url, group, **options), self._loop)

    def inbox(self, url: str, service: str, **options: Any) -> Any:
        if self._loop is None:
            return wirebell.Inbox(url, service, **options)
        return BlockingProxy(wirebell.AsyncInbox(url, service, **options), self._loop)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.stop()
