"""What `publish` answers: the outcome, and a hold on the event to ask what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._io.blocking import finish
from .._io.interfaces import Io
from .._protocol.publish_result import PublishResult
from .._transport.interface import Transport
from ..errors import NotWatched
from .acknowledgement import Acknowledgement, wait


@dataclass(frozen=True, slots=True)
class AcknowledgementWaiter:
    """How to ask what becomes of an event."""

    io: Io
    transport: Transport
    can_be_acknowledged: bool

    async def acknowledged(self, outcome: PublishResult, timeout: float) -> Acknowledgement:
        if not self.can_be_acknowledged:
            raise NotWatched
        channels = [reached.channel for reached in outcome.channels]
        return await wait(self.io, self.transport, outcome.id, channels, timeout)


@dataclass(frozen=True, slots=True)
class Published(PublishResult):
    """The bus has the event."""

    _waiter: AcknowledgementWaiter = field(repr=False, compare=False)

    def acknowledged(self, timeout: float) -> Acknowledgement:
        """Waits until a device has acknowledged the event: the first one, on whichever of its channels.

        Any other end is a :class:`NotAcknowledged`; those that are final are raised as soon as they are so on all
        channels. The event has to be durable and published with ``receipt`` or a ``deadline``. The bus is asked again
        and again, each time after an eighth of the time waited so far, between 10 ms and half a second; over HTTP
        the node does so.
        """
        return finish(self._waiter.acknowledged(self, timeout))


@dataclass(frozen=True, slots=True)
class AsyncPublished(PublishResult):
    """The bus has the event."""

    _waiter: AcknowledgementWaiter = field(repr=False, compare=False)

    async def acknowledged(self, timeout: float) -> Acknowledgement:
        """Waits until a device has acknowledged the event, as :meth:`Published.acknowledged` does."""
        return await self._waiter.acknowledged(self, timeout)
