"""What can go wrong, in words for whoever has to act on it. No message here holds a payload, a password or a key.

Every error has a `code` for programs: that of the protocol where it has one.
"""

from __future__ import annotations


class WirebellError(Exception):
    """Everything that this package raises."""

    code: str = "internal"
    """A stable word for programs."""


class ConfigurationError(WirebellError, ValueError):
    """What the publisher was made from is wrong: its URL, the prefix of the keys, the service key."""

    def __init__(self, message: str, code: str = "bad_configuration") -> None:
        super().__init__(message)
        self.code = code


class PublishError(WirebellError):
    """An event was not published, or nobody can tell whether it was."""


class InvalidEvent(PublishError, ValueError):
    """The event itself is wrong: publishing it again cannot help."""

    def __init__(self, message: str, attribute: str = "event", code: str = "invalid_event") -> None:
        super().__init__(message)
        self.attribute = attribute
        """Which attribute, as the publisher writes it."""
        self.code = code
        """`invalid_event`, `too_large` or `unsupported`."""

    def __str__(self) -> str:
        return f"the event is invalid: `{self.attribute}`: {self.args[0]}"


class Unavailable(PublishError):
    """The bus could not be reached, or takes nothing just now.

    Where the connection broke after the event had left, the bus may have it: publish it again under the same id.
    """

    code = "unavailable"

    def __str__(self) -> str:
        return f"the bus is unavailable: {self.args[0]}"


class TimedOut(PublishError):
    """The bus was reached and did not answer in time. It may have the event: publish it again under the same id."""

    code = "timed_out"

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after
        """How many seconds were waited."""

    def __str__(self) -> str:
        return f"the bus did not answer within {self.after:g} s"


class Refused(PublishError):
    """The bus answered, and said no: a wrong password, an unknown service key, a missing permission."""

    def __init__(self, detail: str, code: str = "internal", status: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        """The problem's `code`, or Redis' error code."""
        self.status = status
        """The HTTP status; none from Redis."""

    def __str__(self) -> str:
        return f"the bus refused: {self.args[0]} ({self.code})"


class InvalidReply(WirebellError, ValueError):
    """What a handler of the inbox returned cannot be sent to the emitter."""

    code = "invalid_reply"

    def __init__(self, message: str, code: str = "invalid_reply") -> None:
        super().__init__(message)
        self.code = code
        """`invalid_reply` or `too_large`."""

    def __str__(self) -> str:
        return f"the reply: {self.args[0]}"


class NotAcknowledged(WirebellError):
    """No device has acknowledged the event. Which of the ends below it was is the class, and `code`."""

    says = "no device has acknowledged the event"

    def __str__(self) -> str:
        return self.says


class NotInTime(NotAcknowledged):
    """Nobody has acknowledged it yet; somebody still may."""

    code = "not_in_time"

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after
        """How many seconds were waited."""

    def __str__(self) -> str:
        return f"no device has acknowledged the event within {self.after:g} s"


class FallenBack(NotAcknowledged):
    """Its deadline has passed: it has gone to the fallback stream, on all channels where nobody had."""

    code = "fallen_back"
    says = "no device has acknowledged the event by its deadline: it has fallen back"


class Expired(NotAcknowledged):
    """Nobody has for as long as that was worth waiting for: its `ttl`, or a day."""

    code = "expired"
    says = "the event has expired without an acknowledgement"


class WasCancelled(NotAcknowledged):
    """It was cancelled before its time came."""

    code = "cancelled"
    says = "the event was cancelled before its time came"


class NotWatched(NotAcknowledged):
    """Nobody asked for acknowledgements when it was published."""

    code = "not_watched"
    says = "the event is not watched: publish it as a durable one, with `receipt=True` or a `deadline`"


class NoRecord(NotAcknowledged):
    """The bus has no record of it: it was published unwatched before, that is too long ago, or a failover lost it."""

    code = "unknown"
    says = "the bus has no record of the event"


class Closed(PublishError):
    """The publisher was closed before."""

    code = "closed"

    def __str__(self) -> str:
        return "the publisher was closed"
