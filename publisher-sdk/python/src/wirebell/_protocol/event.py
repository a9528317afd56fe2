"""Events: what a service publishes. Attributes follow CloudEvents 1.0 where it defines them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal

from . import attributes as check
from . import raw_json
from .channel import connection
from .classes import Class, Durability
from .raw_json import RawJson

ClassName = Class | Literal["durable", "retained", "volatile"]
DurabilityName = Durability | Literal["primary", "replicated"]


@dataclass(frozen=True, slots=True, init=False)
class Event:
    """An event to publish.

    It is checked when it is created, and its `data` is written as JSON then. Later changes of the data do
    not change the event.
    """

    to: tuple[str, ...]
    """The target channels: `user:<id>`, `topic:<name>`, `conn:<connection id>`, `all`."""
    type: str
    data: RawJson = field(repr=False)
    """The payload as JSON text. It is never logged."""
    id: str | None
    """Identity and idempotency key. The publisher generates one if absent."""
    source: str | None
    """Name of the publishing service."""
    time: str | None
    """When it happened. The publisher sets the current time if absent."""
    class_: Class
    key: str | None
    """For a retained event: the key whose latest value it is. Its type if absent."""
    ttl: int | None
    """Seconds after which it is no longer delivered."""
    deliver_at: str | None
    """Earliest time of delivery. The event can be cancelled until then."""
    receipt: bool
    """Whether the publisher wants receipts."""
    deadline: int | None
    """Seconds after which the event is added to the fallback stream, unless a device has acknowledged it."""
    durability: Durability | None
    """When it counts as published; the publisher's default if absent."""
    traceparent: str | None
    """The W3C trace context that the delivery continues."""

    def __init__(
        self,
        to: str | Sequence[str],
        type: str,
        data: object,
        *,
        id: str | None = None,
        source: str | None = None,
        time: str | datetime | None = None,
        class_: ClassName = Class.DURABLE,
        key: str | None = None,
        ttl: int | None = None,
        deliver_at: str | datetime | None = None,
        receipt: bool = False,
        deadline: int | None = None,
        durability: DurabilityName | None = None,
        traceparent: str | None = None,
        max_data_bytes: int = check.MAX_DATA_BYTES,
    ) -> None:
        """Checks and stores the attributes. `data` is any JSON value, or :class:`RawJson`."""
        given = (to, type, data, id, source, time, class_, key, ttl, deliver_at, receipt, deadline, durability)
        self._keep((*given, traceparent), max_data_bytes)

    def _keep(self, given: Sequence[object], max_data_bytes: int) -> None:
        to, kind, data, event_id, source, time, klass, key, ttl, *others = given
        deliver_at, receipt, deadline, durability, trace = others
        targets = check.targets(to)
        kept: dict[str, object] = {"to": targets, "type": check.kind(kind)}
        text = check.data(data, max_data_bytes)
        check.copies(targets, text)
        kept["data"] = RawJson(text)
        for attribute, value in (("id", event_id), ("source", source), ("key", key)):
            kept[attribute] = None if value is None else check.name(attribute, value)
        for attribute, value in (("time", time), ("deliver_at", deliver_at)):
            kept[attribute] = None if value is None else check.time(attribute, value)
        for attribute, value, longest in (
            ("ttl", ttl, check.LONGEST_TTL),
            ("deadline", deadline, check.LONGEST_DEADLINE),
        ):
            kept[attribute] = None if value is None else check.seconds(attribute, value, longest)
        kept["class_"] = check.choice("class", Class, klass)
        kept["receipt"] = check.boolean("receipt", receipt)
        kept["durability"] = None if durability is None else check.choice("durability", Durability, durability)
        kept["traceparent"] = None if trace is None else check.traceparent(trace)
        for attribute, value in kept.items():
            object.__setattr__(self, attribute, value)
        self._check_whole()

    def _check_whole(self) -> None:
        """Checks attributes that depend on each other."""
        if self.key is not None and self.class_ is not Class.RETAINED:
            raise check.invalid("key", 'only a retained event has a key; add `class_="retained"`')
        if self.deadline is not None and self.class_ is not Class.DURABLE:
            raise check.invalid("deadline", "only a durable event can be acknowledged by its deadline")
        if self.class_ is Class.RETAINED and any(map(connection, self.to)):
            message = "a connection cannot retain events, because its id is never used again; use `durable`"
            raise check.invalid("to", message)
        if self.class_ is Class.VOLATILE and self.durability is Durability.REPLICATED:
            raise check.invalid("durability", "a volatile event is not stored, so it cannot be replicated")

    @classmethod
    def from_dict(cls, attributes: Mapping[str, object], max_data_bytes: int = check.MAX_DATA_BYTES) -> Event:
        """Creates an event from a mapping with JSON names. `None` counts as absent, except in `data`."""
        unknown = sorted(str(name) for name in attributes if name not in _ATTRIBUTES)
        if unknown:
            raise check.invalid("event", f"unknown attribute `{unknown[0]}`; expected {', '.join(_ATTRIBUTES)}")
        for required in ("to", "type", "data"):
            if required not in attributes or (attributes[required] is None and required != "data"):
                raise check.invalid(required, "is required; an event needs `to`, `type` and `data`")
        event = cls.__new__(cls)
        given = [attributes.get(name) for name in _ATTRIBUTES]
        usual = {"class": Class.DURABLE, "receipt": False}
        filled = [usual.get(name) if value is None else value for name, value in zip(_ATTRIBUTES, given, strict=True)]
        event._keep(filled, max_data_bytes)
        return event

    @classmethod
    def from_json(cls, text: str | bytes, max_data_bytes: int = check.MAX_DATA_BYTES) -> Event:
        """Parses an event from JSON. Its `data` is kept byte for byte."""
        try:
            written = raw_json.members(text.decode() if isinstance(text, bytes) else text)
            found: dict[str, object] = {
                name: RawJson(value) if name == "data" else raw_json.read(value) for name, value in written.items()
            }
        except ValueError as error:
            message = f"expected a JSON object with the attributes of an event: {error}"
            raise check.invalid("event", message) from None
        return cls.from_dict(found, max_data_bytes)

    def to_json(self) -> str:
        """Returns the event as JSON, as the server API accepts it."""
        members = ['"to":' + _json(self.to[0] if len(self.to) == 1 else list(self.to))]
        members += ['"type":' + _json(self.type), '"data":' + self.data.text]
        for name in _BEHIND_DATA:
            value = getattr(self, name)
            if value is not None and value is not False and value is not Class.DURABLE:
                members.append(f'"{name.rstrip("_")}":{_json(value)}')
        return "{" + ",".join(members) + "}"

    @property
    def is_tracked(self) -> bool:
        """Whether the bus keeps a delivery record: the event has `receipt` or a `deadline`."""
        return self.receipt or self.deadline is not None

    is_watched = is_tracked
    """The former name of `is_tracked`."""

    def stamped(self, new_id: str, now: str) -> Event:
        """Returns the event with this id and time, unless it has its own. Every attempt then sends the same event."""
        return self._with(id=self.id or new_id, time=self.time or now)

    def with_default_durability(self, durability: Durability | None) -> Event:
        """Returns the event with this durability, unless it has its own or is volatile."""
        if durability is None or self.durability is not None or self.class_ is Class.VOLATILE:
            return self
        return self._with(durability=durability)

    def _with(self, **changes: object) -> Event:
        event = object.__new__(Event)
        for name in _FIELDS:
            object.__setattr__(event, name, changes.get(name, getattr(self, name)))
        return event


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_FIELDS = tuple(one.name for one in fields(Event))
_ATTRIBUTES = tuple(name.rstrip("_") for name in _FIELDS)
_BEHIND_DATA = _FIELDS[3:]
