// Tests the package with protocol/vectors, byte for byte, as protocol/tests/vectors.rs tests the
// Rust crate. The vectors for messages between nodes and clients (announcements, frames) do not
// concern a publisher.
import assert from "node:assert/strict";
import { test } from "node:test";
import { part, sdk, vectors } from "./support/package.mjs";

const { channelError } = await part("protocol/channel.js");
const { parseCursor } = await part("protocol/cursor.js");
const { matches } = await part("protocol/pattern.js");
const { readEvent } = await part("protocol/read.js");
const { frame, prepare } = await part("protocol/prepared.js");
const { toWire } = await part("protocol/event.js");
const { Keys, shardOf } = await part("protocol/keys.js");
const inbox = await part("protocol/inbox.js");
const calls = await part("protocol/calls.js");
const { Retentions } = await part("protocol/retention.js");
const { stamp } = await part("stamp.js");

const list = (value) => {
  assert.ok(Array.isArray(value) && value.length > 0);
  return value;
};

const stamped = (json, id, time) => {
  const event = readEvent(json, 1000);
  return stamp({ ...event, id: event.id ?? id, time: event.time ?? time }, undefined);
};

test("channel names", () => {
  const { good, bad } = vectors("channels.json");
  for (const name of list(good)) assert.equal(channelError(name), undefined, name);
  for (const { text, fault } of list(bad)) assert.equal(channelError(text), fault, JSON.stringify(text));
});

test("cursors and their order", () => {
  const { in_order: inOrder, bad } = vectors("cursors.json");
  for (const text of list(inOrder)) assert.equal(parseCursor(text).join("-"), text);
  const mixed = [...inOrder].reverse();
  assert.deepEqual(mixed.sort(sdk.compareCursors), inOrder);
  for (const text of list(bad)) {
    assert.equal(parseCursor(text), undefined, text);
    assert.throws(() => sdk.compareCursors(text, "0-0"), TypeError, text);
  }
});

test("channel patterns", () => {
  // Patterns for topics may omit the kind. Log rules match whole channel names and may not.
  const topic = (pattern) => (pattern.startsWith("topic:") ? pattern.slice("topic:".length) : pattern);
  for (const { pattern, topic: name, fits } of list(vectors("patterns.json"))) {
    assert.equal(matches(topic(pattern), name), fits, `${pattern} against ${name}`);
  }
});

test("frames of events", () => {
  for (const good of list(vectors("events.json").good)) {
    const event = stamped(good.event, good.id, good.time);
    const frames = prepare(event).map((one) => frame(one, good.cursor ?? undefined));
    assert.deepEqual(frames, good.frames, good.name);
    for (const one of frames) JSON.parse(one);
    // The JSON for the server API reads back as the same event.
    assert.deepEqual(stamped(toWire(event)), event, good.name);
  }
});

test("invalid events are rejected with their attribute and code", () => {
  for (const { event, attribute, code } of list(vectors("events.json").bad)) {
    const is = (error) => error instanceof sdk.InvalidEventError && error.code === code && error.attribute === (attribute === "deliver_at" ? "deliverAt" : attribute);
    assert.throws(() => readEvent(event, 1000), is, event);
    assert.throws(() => sdk.parseEvent(event), is, event);
  }
});

test("the publish script's keys and arguments", () => {
  for (const { name, prefix, event, keys, arguments: expected } of list(vectors("publish.json").calls)) {
    const [prepared] = prepare(stamped(event));
    const call = calls.publish(new Keys(prefix), prepared, new Retentions().of(prepared.channel));
    assert.deepEqual([call.keys, call.arguments], [keys, expected], name);
  }
});

test("the publish script's replies", () => {
  const { answers, bad_answers: bad } = vectors("publish.json");
  for (const { text, cursor, nodes, again } of list(answers)) {
    const accepted = calls.accepted(text);
    assert.deepEqual([accepted.cursor ?? null, accepted.nodes, accepted.again], [cursor, nodes, again], text);
  }
  for (const text of list(bad)) assert.equal(calls.accepted(text), undefined, text);
});

test("inbox entries", () => {
  const { entries, bad_entries: bad } = vectors("inbox.json");
  const asMap = (fields) => new Map(Object.entries(fields));
  for (const { name, fields, event } of list(entries)) {
    const read = inbox.readEntry(asMap(fields));
    assert.deepEqual(Object.fromEntries(Object.entries(read).map(([key, value]) => [key, value ?? null])), event, name);
  }
  for (const fields of list(bad)) assert.equal(inbox.readEntry(asMap(fields)), undefined, JSON.stringify(fields));
});

test("finishing an inbox entry", () => {
  const { answers, told, bad_told: bad } = vectors("inbox.json");
  for (const { name, prefix, user, id, group, entry, answer, dead, keys, arguments: expected } of list(answers)) {
    const letter = dead === null ? undefined : inbox.deadLetter(new Map(Object.entries(dead.fields)), group, dead.tries, dead.reason);
    const call = inbox.answer(new Keys(prefix), { shard: shardOf(user), entry, group }, { user, id }, answerOf(answer), letter);
    assert.deepEqual([call.keys, call.arguments], [keys, expected], name);
  }
  for (const { words, told: recipient, connection, ref } of list(told)) {
    const expected = { entry: "own", nobody: "nobody", gone: "nobody", instead: { connection, ref } }[recipient];
    assert.deepEqual(inbox.readFinishResult(words), expected, String(words));
  }
  for (const words of list(bad)) assert.equal(inbox.readFinishResult(words), undefined, String(words));
});

test("reply messages to clients", () => {
  for (const { name, connection, ref, answer, message } of list(vectors("messages.json").replies)) {
    assert.equal(inbox.replyMessage(connection, ref, answerOf(answer)), message, name);
  }
});

function answerOf(text) {
  const space = text.indexOf(" ");
  return { [text.slice(0, space)]: text.slice(space + 1) };
}

test("error codes, also under their former name", () => {
  assert.deepEqual(sdk.ERROR_CODES, list(vectors("codes.json").faults));
  assert.equal(sdk.FAULTS, sdk.ERROR_CODES);
});
