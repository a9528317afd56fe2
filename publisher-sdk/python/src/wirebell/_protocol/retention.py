"""How much is stored and for how long, which may differ between channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from .pattern import matches

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is stored and for how long; must equal the settings of the nodes. Over HTTP the nodes decide."""

    log_events: int = 1_000
    """Events in a channel's log. Redis may keep some more where trimming costs more than it saves."""
    log_age: timedelta = _DAY
    """How long an event stays in its log."""
    seen: timedelta = timedelta(minutes=5)
    """How long an event's id is remembered. Publishing it again has no effect."""
    receipts: timedelta = _DAY
    """How long an acknowledgement is possible, and then how long its delivery record is kept."""
    retained_keys: int = 1_000
    """Retained values of a channel."""
    retained_age: timedelta = 30 * _DAY
    """How long a channel keeps its retained values after the last change."""


@dataclass(frozen=True, slots=True)
class LogRule:
    """Other limits for the logs of matching channels. In `channels`, `*` matches any run of characters."""

    channels: str
    events: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class Retentions:
    """The default, and rules for some channels. The first matching rule applies."""

    default: Retention = Retention()
    rules: Sequence[LogRule] = ()

    def of(self, channel: str) -> Retention:
        for rule in self.rules:
            if matches(rule.channels, channel):
                return replace(self.default, log_events=rule.events, log_age=rule.age)
        return self.default


def millis(time: timedelta) -> int:
    """Returns whole milliseconds."""
    return time // timedelta(milliseconds=1)
