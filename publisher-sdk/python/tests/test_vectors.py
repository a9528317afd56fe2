"""Tests the package with `protocol/vectors`, as every port of the protocol is tested."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from announcement import Announcement
from wirebell_node import ROOT

from wirebell import Cursor, Event, InvalidEvent, Retention
from wirebell._protocol import calls, channel, inbox
from wirebell._protocol.keys import Keys, shard_of
from wirebell._protocol.pattern import matches
from wirebell._protocol.prepared import PreparedEvent, prepare
from wirebell.errors import WirebellError

VECTORS = ROOT / "protocol/vectors"


def vectors(name: str) -> Any:
    return json.loads(Path(VECTORS / f"{name}.json").read_text())


def listed(name: str, *path: str) -> list[Any]:
    found = vectors(name)
    for step in path:
        found = found[step]
    assert isinstance(found, list)
    assert found
    return found


def stamped(vector: dict[str, str]) -> list[PreparedEvent]:
    event = Event.from_json(vector["event"], max_data_bytes=1_000)
    return prepare(event.stamped(vector.get("id", ""), vector.get("time", "")))


@pytest.mark.parametrize("name", listed("channels", "good"))
def test_valid_channels_are_accepted(name: str) -> None:
    assert channel.check(name) == name


@pytest.mark.parametrize("vector", listed("channels", "bad"))
def test_invalid_channels_name_the_reason(vector: dict[str, str]) -> None:
    with pytest.raises(channel.InvalidChannel) as raised:
        channel.check(vector["text"])
    assert raised.value.code == vector["fault"]


def test_cursors_sort_in_order() -> None:
    texts = listed("cursors", "in_order")
    read = [Cursor.parse(text) for text in texts]
    assert [str(cursor) for cursor in read] == texts
    assert read == sorted(set(read))


@pytest.mark.parametrize("text", listed("cursors", "bad"))
def test_invalid_cursors_raise(text: str) -> None:
    with pytest.raises(ValueError, match="expected a cursor"):
        Cursor.parse(text)


@pytest.mark.parametrize("vector", listed("patterns"))
def test_patterns_match_as_in_the_vectors(vector: dict[str, Any]) -> None:
    # A log rule names whole channels; a claim may omit the kind.
    pattern = "topic:" + vector["pattern"].removeprefix("topic:")
    assert matches(pattern, "topic:" + vector["topic"]) == vector["fits"]


@pytest.mark.parametrize("vector", listed("events", "good"), ids=lambda vector: vector["name"])
def test_frames_equal_the_vectors(vector: dict[str, Any]) -> None:
    frames = [one.frame(vector["cursor"]) for one in stamped(vector)]
    assert [frame.encode() for frame in frames] == [frame.encode() for frame in vector["frames"]]


@pytest.mark.parametrize("vector", listed("events", "good"), ids=lambda vector: vector["name"])
def test_event_json_round_trips(vector: dict[str, Any]) -> None:
    event = Event.from_json(vector["event"])
    assert Event.from_json(event.to_json()) == event


@pytest.mark.parametrize("vector", listed("events", "bad"), ids=lambda vector: vector["event"])
def test_invalid_events_name_attribute_and_code(vector: dict[str, str]) -> None:
    with pytest.raises(InvalidEvent) as raised:
        Event.from_json(vector["event"], max_data_bytes=1_000)
    assert (raised.value.attribute, raised.value.code) == (vector["attribute"], vector["code"])


@pytest.mark.parametrize("vector", listed("publish", "calls"), ids=lambda vector: vector["name"])
def test_publish_call_equals_the_vectors(vector: dict[str, Any]) -> None:
    (prepared,) = stamped(vector)
    call = calls.publish(Keys(vector["prefix"]), prepared, Retention())
    assert (list(call.keys), list(call.arguments)) == (vector["keys"], vector["arguments"])


@pytest.mark.parametrize("vector", listed("publish", "answers"), ids=lambda vector: vector["text"])
def test_publish_replies_are_parsed(vector: dict[str, Any]) -> None:
    accepted = calls.read_publish_reply(vector["text"])
    cursor = None if accepted.cursor is None else str(accepted.cursor)
    assert (cursor, accepted.nodes, accepted.again) == (vector["cursor"], vector["nodes"], vector["again"])
    assert accepted.scheduled == vector["text"].startswith("scheduled")


@pytest.mark.parametrize("text", listed("publish", "bad_answers"))
def test_invalid_publish_replies_raise(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        calls.read_publish_reply(text)


@pytest.mark.parametrize("vector", listed("announcements", "good"), ids=lambda vector: vector["name"])
def test_announcements_are_parsed(vector: dict[str, Any]) -> None:
    """Tests the reader that other tests use for announcements of the scripts."""
    read = Announcement.read(vector["message"])
    for name in ("channel", "class", "cursor", "previous", "accepted_at", "expires_at", "watched", "frame"):
        assert getattr(read, name.replace("class", "class_")) == vector.get(name), name


@pytest.mark.parametrize("message", listed("announcements", "bad"))
def test_invalid_announcements_raise(message: str) -> None:
    with pytest.raises((ValueError, InvalidEvent)):
        Announcement.read(message)


@pytest.mark.parametrize(("text", "hashed"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_shard_is_the_fnv_hash_of_the_id(text: str, hashed: int) -> None:
    """From the published test vectors of FNV-1a."""
    assert shard_of(text) == hashed % 8


@pytest.mark.parametrize("vector", listed("inbox", "entries"), ids=lambda vector: vector["name"])
def test_inbox_entries_are_parsed(vector: dict[str, Any]) -> None:
    assert asdict(inbox.InboxEntry.read(vector["fields"])) == vector["event"]


@pytest.mark.parametrize("fields", listed("inbox", "bad_entries"), ids=str)
def test_invalid_inbox_entries_raise(fields: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        inbox.InboxEntry.read(fields)


def answer_of(text: str) -> inbox.EmitterReply:
    kind, _, what = text.partition(" ")
    return inbox.EmitterReply(kind, what)


@pytest.mark.parametrize("vector", listed("inbox", "answers"), ids=lambda vector: vector["name"])
def test_finish_call_equals_the_vectors(vector: dict[str, Any]) -> None:
    position = inbox.InboxPosition(shard_of(vector["user"]), vector["entry"], vector["group"])
    dead = vector["dead"]
    letter = dead and inbox.dead_letter(dead["fields"], vector["group"], int(dead["tries"]), dead["reason"])
    of = (vector["user"], vector["id"])
    call = inbox.finish_call(Keys(vector["prefix"]), position, of, answer_of(vector["answer"]), letter)
    assert (list(call.keys), list(call.arguments)) == (vector["keys"], vector["arguments"])


@pytest.mark.parametrize("vector", listed("inbox", "told"), ids=lambda vector: str(vector["words"]))
def test_finish_replies_name_the_waiting_connection(vector: dict[str, Any]) -> None:
    instead = (vector["connection"], vector["ref"]) if vector["told"] == "instead" else None
    assert inbox.read_finish_result(vector["words"]) == inbox.FinishResult(
        entry_waits=vector["told"] == "entry", instead=instead
    )


@pytest.mark.parametrize("words", listed("inbox", "bad_told"), ids=str)
def test_invalid_finish_replies_raise(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected `done` or|not a connection id"):
        inbox.read_finish_result(words)


@pytest.mark.parametrize("vector", listed("messages", "replies"), ids=lambda vector: vector["name"])
def test_reply_messages_equal_the_vectors(vector: dict[str, str]) -> None:
    message = inbox.reply_message(vector["connection"], vector["ref"], answer_of(vector["answer"]))
    assert message.encode() == vector["message"].encode()


def test_error_codes_are_those_of_the_protocol() -> None:
    """Every error code is in the protocol's list, or in this list of codes that exist only here."""
    ours = {
        "invalid_reply",
        "closed",
        "timed_out",
        "not_in_time",
        "fallen_back",
        "expired",
        "cancelled",
        "not_watched",
        "unknown",
    }
    codes = {kind.code for kind in descendants(WirebellError)}
    assert codes - ours <= set(listed("codes", "faults"))
    assert {"unavailable", "internal"} <= codes


def descendants(kind: type[WirebellError]) -> set[type[WirebellError]]:
    return {kind}.union(*(descendants(one) for one in kind.__subclasses__()))
