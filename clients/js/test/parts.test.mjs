// Unit tests of the modules without a connection or a clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { part } from "./support/package.mjs";
import { token } from "./support/node.mjs";

const { backoff } = part("backoff");
const { isAfter } = part("cursor");
const { Position } = part("position");
const { CursorStore } = part("cursor-store");
const { EmitQueue } = part("emit-queue");
const { subject } = part("token");
const { address } = part("options");

test("the wait doubles up to 30 s, with full jitter", () => {
  const most = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backoff(attempt, () => 1));
  assert.deepEqual(most, [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  assert.equal(backoff(9, () => 0), 0);
  assert.equal(backoff(3, () => 0.25), 2000);
});

test("cursors are compared as numbers, part by part", () => {
  assert.ok(isAfter("10-0", "9-99"));
  assert.ok(isAfter("9-10", "9-9"));
  assert.ok(!isAfter("9-9", "9-9"));
  assert.ok(!isAfter("9-9", "10-0"));
  assert.ok(isAfter("0-0", undefined));
});

test("a position follows finished events, not received ones", () => {
  const position = new Position();
  const [one, two, three] = ["1-0", "2-0", "3-0"].map((cursor) => position.add(cursor, true));
  assert.deepEqual(position.finish(two, "handled"), { moved: false, acknowledge: undefined });
  assert.deepEqual(position.finish(one, "handled"), { moved: true, acknowledge: "2-0" });
  assert.equal(position.at, "2-0");
  assert.deepEqual(position.finish(three, "handled"), { moved: true, acknowledge: "3-0" });
});

test("a repeat is dropped, also while the first event is still being handled", () => {
  const position = new Position("5-0");
  assert.equal(position.add("5-0", false), undefined);
  assert.equal(position.add("4-0", false), undefined);
  const six = position.add("6-0", false);
  assert.equal(position.add("6-0", false), undefined);
  position.finish(six, "handled");
  assert.equal(position.add("6-0", false), undefined);
});

test("a failed event that requests an acknowledgement stops the position until the next connection retries it", () => {
  const position = new Position("0-0");
  const one = position.add("1-0", true);
  const two = position.add("2-0", true);
  assert.deepEqual(position.finish(one, "failed"), { moved: false, acknowledge: undefined });
  assert.deepEqual(position.finish(two, "handled"), { moved: false, acknowledge: undefined });
  position.reconnected();
  assert.equal(position.add("2-0", true), undefined, "it is handled already");
  const again = position.add("1-0", true);
  assert.ok(again, "it is retried");
  position.finish(again, "handled");
  assert.deepEqual([position.at, position.unconfirmed], ["2-0", "2-0"]);
});

test("a failed event without acknowledgement does not stop the position, and an event without a handler is not acknowledged", () => {
  const position = new Position();
  assert.deepEqual(position.finish(position.add("1-0", false), "failed"), { moved: true, acknowledge: undefined });
  assert.deepEqual(position.finish(position.add("2-0", true), "skipped"), { moved: true, acknowledge: undefined });
});

test("handlers that never return hold up a bounded number of events", () => {
  const position = new Position();
  position.add("1-0", false);
  for (let nth = 2; nth <= 1001; nth += 1) position.finish(position.add(`${nth}-0`, false), "handled");
  assert.equal(position.at, "1001-0");
});

test("after a gap every event is new, and the position is the start of the log", () => {
  const position = new Position("9-0");
  position.gap();
  assert.equal(position.at, "0-0");
  assert.ok(position.add("3-0", false));
});

const memory = () => {
  const stored = new Map();
  return { stored, getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: (key) => stored.delete(key) };
};

test("only cursors are stored, by address and user", () => {
  const storage = memory();
  const cursors = new CursorStore(storage, "http://a");
  cursors.of("42");
  cursors.get("user:42").at = "1-0";
  cursors.get("conn:x.1").at = "2-0";
  cursors.save();
  assert.deepEqual([...storage.stored], [["wirebell:http://a:42", '{"user:42":"1-0"}']]);
  assert.deepEqual(new CursorStore(storage, "http://a").of("42"), { "user:42": "1-0" });
  assert.deepEqual(new CursorStore(storage, "http://b").of("42"), {});
  assert.deepEqual(new CursorStore(storage, "http://a").of("43"), {});
  cursors.forget();
  assert.equal(storage.stored.size, 0);
});

test("a broken, full or forbidden storage is ignored", () => {
  const broken = { getItem: () => "{", setItem() { throw new Error("full"); }, removeItem() { throw new Error("forbidden"); } };
  const cursors = new CursorStore(broken, "http://a");
  assert.deepEqual(cursors.of("42"), {});
  cursors.get("user:42").at = "1-0";
  cursors.save();
  assert.deepEqual(cursors.of("42"), { "user:42": "1-0" });
  cursors.forget();
});

test("emits keep their id, are bounded, and settle once", async () => {
  const sent = [];
  let number = 0;
  const emits = new EmitQueue(2, () => String(++number), (frame) => sent.push(frame));
  const first = emits.emit("a", 1, false, { timeout: 1000 });
  const second = emits.emit("b", 2, true, { timeout: 1000, id: "mine" });
  await assert.rejects(emits.emit("c", 3, true, {}), { code: "queue_full" });
  assert.deepEqual(sent.map(({ type }) => type), ["b"]);
  emits.resend();
  assert.deepEqual(sent.map(({ type, id }) => [type, id]), [["b", "mine"], ["a", sent[1].id], ["b", "mine"]]);
  assert.ok(emits.reply({ type: "wirebell.reply", ref: "1", data: { ok: true } }));
  assert.ok(!emits.reply({ type: "wirebell.reply", ref: "1", data: {} }));
  assert.ok(emits.reply({ type: "wirebell.error", ref: "2", code: "not_allowed", message: "no" }));
  assert.deepEqual(await first, { ok: true });
  await assert.rejects(second, { name: "WirebellError", code: "not_allowed", message: "no" });
  await assert.rejects(emits.emit("d", 1, false, { onlineOnly: true }), { code: "offline" });
  await assert.rejects(emits.emit("e", 1, false, { timeout: 10 }), { code: "timed_out" });
  await assert.rejects(emits.emit("f", 1n, false, {}), TypeError);
  const waiting = emits.emit("g", 1, false, {});
  emits.fail("closed", "bye");
  await assert.rejects(waiting, { code: "closed" });
});

test("the user of a token is read in any script; an invalid token has no user", () => {
  assert.equal(subject(token("žluťoučký 馬")), "žluťoučký 馬");
  for (const text of ["", "a.b", "a.b.c", "...", token(7)]) assert.equal(subject(text), undefined);
});

test("addresses are accepted with and without the parts that the client adds", () => {
  for (const url of ["https://a.example", "https://a.example/", "wss://a.example/ws", "wss://a.example"]) assert.equal(address(url), "https://a.example");
  assert.equal(address("ws://127.0.0.1:8080"), "http://127.0.0.1:8080");
  assert.equal(address("https://a.example/push/"), "https://a.example/push");
  assert.throws(() => address("a.example"), TypeError);
});
