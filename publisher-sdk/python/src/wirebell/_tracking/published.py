"""Results of `publish`: the publish result, and a way to wait for an acknowledgement."""

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
    """Waits for acknowledgements of one event."""

    io: Io
    transport: Transport
    can_be_acknowledged: bool

    async def acknowledged(self, result: PublishResult, timeout: float) -> Acknowledgement:
        if not self.can_be_acknowledged:
            raise NotWatched
        channels = [channel_result.channel for channel_result in result.channels]
        return await wait(self.io, self.transport, result.id, channels, timeout)


@dataclass(frozen=True, slots=True)
class Published(PublishResult):
    """The result of a published event."""

    _waiter: AcknowledgementWaiter = field(repr=False, compare=False)

    def acknowledged(self, timeout: float) -> Acknowledgement:
        """Waits until a device acknowledges the event on any of its channels, and returns the first acknowledgement.

        Otherwise raises a :class:`NotAcknowledged`: at once if all channels are final, else at the timeout. The
        event must be durable and published with ``receipt`` or a ``deadline``. Over Redis it polls, each time
        after an eighth of the time waited so far, between 10 ms and half a second; over HTTP the node polls.
        """
        return finish(self._waiter.acknowledged(self, timeout))


@dataclass(frozen=True, slots=True)
class AsyncPublished(PublishResult):
    """The result of a published event."""

    _waiter: AcknowledgementWaiter = field(repr=False, compare=False)

    async def acknowledged(self, timeout: float) -> Acknowledgement:
        """Waits until a device acknowledges the event, as :meth:`Published.acknowledged` does."""
        return await self._waiter.acknowledged(self, timeout)
