"""How long and how much is kept, which may differ from channel to channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from .pattern import matches

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept, as the nodes have it. Only over Redis; over HTTP the nodes see to it."""

    log_events: int = 1_000
    """Events in a channel's log; Redis may keep some more, where trimming them costs more than they do."""
    log_age: timedelta = _DAY
    """For how long an event stays in its log."""
    seen: timedelta = timedelta(minutes=5)
    """For how long an event's id is remembered: publishing it again changes nothing."""
    receipts: timedelta = _DAY
    """For how long an acknowledgement is waited for, and then its record is kept."""
    retained_keys: int = 1_000
    """Retained values of a channel."""
    retained_age: timedelta = 30 * _DAY
    """For how long a channel keeps its retained values after the last change."""


@dataclass(frozen=True, slots=True)
class LogRule:
    """Other bounds for the logs of the channels that fit. In `channels`, `*` stands for any run of characters."""

    channels: str
    events: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class Retentions:
    """What is usual, and rules for some channels; the first that fits holds."""

    default: Retention = Retention()
    rules: Sequence[LogRule] = ()

    def of(self, channel: str) -> Retention:
        for rule in self.rules:
            if matches(rule.channels, channel):
                return replace(self.default, log_events=rule.events, log_age=rule.age)
        return self.default


def millis(time: timedelta) -> int:
    """Whole milliseconds."""
    return time // timedelta(milliseconds=1)
