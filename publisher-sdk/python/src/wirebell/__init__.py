"""Publishes events to Wirebell from Python: to one user, to a topic or to all clients, on any node.

>>> from wirebell import Event, Publisher
>>> with Publisher("redis://127.0.0.1:6379") as wb:  # doctest: +SKIP
...     published = wb.publish(Event("user:42", "payment-status", {"status": "paid"}))
...     print(published.id, published.nodes)

:class:`AsyncPublisher` offers the same under asyncio. The other names are arguments and results of these classes.
"""

from ._inbox.event import InboxEvent
from ._protocol.classes import Class, Durability
from ._protocol.cursor import Cursor
from ._protocol.event import Event
from ._protocol.publish_result import ChannelResult, PublishResult
from ._protocol.raw_json import RawJson
from ._protocol.receipt import Acknowledged, ConnectionState, ConnectionStatus, Receipt, State
from ._protocol.retention import LogRule, Retention
from ._publishing.enqueued import Counters, Enqueued, EnqueueStatus, Flushed
from ._tracking.acknowledgement import Acknowledgement
from ._tracking.fallback import Fallback
from ._tracking.published import AsyncPublished, Published
from ._tracking.receipt_streams import AsyncReceipts, Receipts
from ._tracking.receipts import DeliveryUpdate
from ._transport.interface import Cancellation
from ._workers.base import Backlog
from ._workers.lease_queue import WorkerCounters
from .async_fallbacks import AsyncClaim, AsyncFallbacks
from .async_inbox import AsyncInbox, AsyncInboxClaim, AsyncInboxHandler
from .async_publisher import AsyncPublisher
from .errors import (
    Closed,
    ConfigurationError,
    Expired,
    FallenBack,
    InvalidEvent,
    InvalidReply,
    NoRecord,
    NotAcknowledged,
    NotInTime,
    NotWatched,
    PublishError,
    Refused,
    TimedOut,
    Unavailable,
    WasCancelled,
    WirebellError,
)
from .fallbacks import Claim, Fallbacks
from .inbox import Inbox, InboxClaim, InboxHandler
from .publisher import Publisher

FallbackCounters = WorkerCounters
"""What a worker has done since it was created."""

# Former names of these types, kept for programs that import them.
Outcome = PublishResult
Reached = ChannelResult
Noted = ConnectionStatus
What = ConnectionState
Told = DeliveryUpdate

__all__ = [
    "Acknowledged",
    "Acknowledgement",
    "AsyncClaim",
    "AsyncFallbacks",
    "AsyncInbox",
    "AsyncInboxClaim",
    "AsyncInboxHandler",
    "AsyncPublished",
    "AsyncPublisher",
    "AsyncReceipts",
    "Backlog",
    "Cancellation",
    "ChannelResult",
    "Claim",
    "Class",
    "Closed",
    "ConfigurationError",
    "ConnectionState",
    "ConnectionStatus",
    "Counters",
    "Cursor",
    "DeliveryUpdate",
    "Durability",
    "EnqueueStatus",
    "Enqueued",
    "Event",
    "Expired",
    "Fallback",
    "FallbackCounters",
    "Fallbacks",
    "FallenBack",
    "Flushed",
    "Inbox",
    "InboxClaim",
    "InboxEvent",
    "InboxHandler",
    "InvalidEvent",
    "InvalidReply",
    "LogRule",
    "NoRecord",
    "NotAcknowledged",
    "NotInTime",
    "NotWatched",
    "Noted",
    "Outcome",
    "PublishError",
    "PublishResult",
    "Published",
    "Publisher",
    "RawJson",
    "Reached",
    "Receipt",
    "Receipts",
    "Refused",
    "Retention",
    "State",
    "TimedOut",
    "Told",
    "Unavailable",
    "WasCancelled",
    "What",
    "WirebellError",
    "WorkerCounters",
]
