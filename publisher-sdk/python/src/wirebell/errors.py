"""Errors of this package. No message contains a payload, a password or a key.

Every error has a `code` for programs: the protocol's code where the protocol defines one.
"""

from __future__ import annotations


class WirebellError(Exception):
    """The base class of all errors of this package."""

    code: str = "internal"
    """A stable name of the error, for programs."""


class ConfigurationError(WirebellError, ValueError):
    """An invalid setting: the URL, the key prefix, the API key, a group, a service or a handler."""

    def __init__(self, message: str, code: str = "bad_configuration") -> None:
        super().__init__(message)
        self.code = code


class PublishError(WirebellError):
    """The event was not published, or it is unknown whether it was."""


class InvalidEvent(PublishError, ValueError):
    """The event itself is invalid. Publishing it again does not help."""

    def __init__(self, message: str, attribute: str = "event", code: str = "invalid_event") -> None:
        super().__init__(message)
        self.attribute = attribute
        """The attribute that is invalid, by its name in the protocol."""
        self.code = code
        """`invalid_event`, `too_large` or `unsupported`."""

    def __str__(self) -> str:
        return f"the event is invalid: `{self.attribute}`: {self.args[0]}"


class Unavailable(PublishError):
    """The bus cannot be reached, or accepts nothing at the moment.

    If the connection broke after the event was sent, the bus may have it: publish it again with the same id.
    """

    code = "unavailable"

    def __str__(self) -> str:
        return f"the bus is unavailable: {self.args[0]}"


class TimedOut(PublishError):
    """The bus did not reply in time. It may have the event: publish it again with the same id."""

    code = "timed_out"

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after
        """The number of seconds waited."""

    def __str__(self) -> str:
        return f"the bus did not reply within {self.after:g} s"


class Refused(PublishError):
    """The bus rejected the request: a wrong password, an unknown API key, a missing permission."""

    def __init__(self, detail: str, code: str = "internal", status: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        """The `code` of the problem document, or the error code of Redis."""
        self.status = status
        """The HTTP status; `None` over Redis."""

    def __str__(self) -> str:
        return f"the bus rejected the request: {self.args[0]} ({self.code})"


class InvalidReply(WirebellError, ValueError):
    """The value that an inbox handler returned cannot be sent as a reply."""

    code = "invalid_reply"

    def __init__(self, message: str, code: str = "invalid_reply") -> None:
        super().__init__(message)
        self.code = code
        """`invalid_reply` or `too_large`."""

    def __str__(self) -> str:
        return f"invalid reply: {self.args[0]}"


class NotAcknowledged(WirebellError):
    """No device has acknowledged the event. The subclass and `code` say why."""

    _message = "no device has acknowledged the event"

    def __str__(self) -> str:
        return self._message


class NotInTime(NotAcknowledged):
    """No device has acknowledged the event within the timeout. A later acknowledgement is still possible."""

    code = "not_in_time"

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after
        """The number of seconds waited."""

    def __str__(self) -> str:
        return f"no device has acknowledged the event within {self.after:g} s"


class FallenBack(NotAcknowledged):
    """The deadline passed without an acknowledgement on any channel. The event is in the fallback stream."""

    code = "fallen_back"
    _message = "no device acknowledged the event by its deadline; it was added to the fallback stream"


class Expired(NotAcknowledged):
    """No device acknowledged the event within its `ttl`, or within a day without one."""

    code = "expired"
    _message = "the event expired without an acknowledgement"


class WasCancelled(NotAcknowledged):
    """The event was cancelled before its `deliver_at`."""

    code = "cancelled"
    _message = "the event was cancelled before its `deliver_at`"


class NotWatched(NotAcknowledged):
    """The event was published without asking for acknowledgements."""

    code = "not_watched"
    _message = "the event is not tracked; publish it as a durable event with `receipt=True` or a `deadline`"


class NoRecord(NotAcknowledged):
    """The bus has no delivery record: the event was first published untracked, too long ago, or lost in a failover."""

    code = "unknown"
    _message = "the bus has no delivery record of the event"


class Closed(PublishError):
    """The publisher is closed."""

    code = "closed"

    def __str__(self) -> str:
        return "the publisher is closed"
