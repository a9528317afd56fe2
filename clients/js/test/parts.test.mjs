// The parts that know no connection and read no clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { part } from "./support/package.mjs";
import { token } from "./support/node.mjs";

const { backoff } = part("backoff");
const { isBehind } = part("cursor");
const { Position } = part("position");
const { Keeper } = part("keeper");
const { Emits } = part("emits");
const { subject } = part("token");
const { address } = part("options");

test("the wait doubles up to half a minute, and is any part of that", () => {
  const most = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backoff(attempt, () => 1));
  assert.deepEqual(most, [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  assert.equal(backoff(9, () => 0), 0);
  assert.equal(backoff(3, () => 0.25), 2000);
});

test("cursors are compared as numbers, part by part", () => {
  assert.ok(isBehind("10-0", "9-99"));
  assert.ok(isBehind("9-10", "9-9"));
  assert.ok(!isBehind("9-9", "9-9"));
  assert.ok(!isBehind("9-9", "10-0"));
  assert.ok(isBehind("0-0", undefined));
});

test("a position follows what has finished, and not what has come", () => {
  const position = new Position();
  const [one, two, three] = ["1-0", "2-0", "3-0"].map((cursor) => position.take(cursor, true));
  assert.deepEqual(position.finish(two, "handled"), { moved: false, acknowledge: undefined });
  assert.deepEqual(position.finish(one, "handled"), { moved: true, acknowledge: "2-0" });
  assert.equal(position.at, "2-0");
  assert.deepEqual(position.finish(three, "handled"), { moved: true, acknowledge: "3-0" });
});

test("what comes again is dropped, also while the first is still at work", () => {
  const position = new Position("5-0");
  assert.equal(position.take("5-0", false), undefined);
  assert.equal(position.take("4-0", false), undefined);
  const six = position.take("6-0", false);
  assert.equal(position.take("6-0", false), undefined);
  position.finish(six, "handled");
  assert.equal(position.take("6-0", false), undefined);
});

test("a watched event that failed holds the position and what is behind it, until the next connection tries again", () => {
  const position = new Position("0-0");
  const one = position.take("1-0", true);
  const two = position.take("2-0", true);
  assert.deepEqual(position.finish(one, "failed"), { moved: false, acknowledge: undefined });
  assert.deepEqual(position.finish(two, "handled"), { moved: false, acknowledge: undefined });
  position.again();
  assert.equal(position.take("2-0", true), undefined, "it was handled");
  const again = position.take("1-0", true);
  assert.ok(again, "it has another try");
  position.finish(again, "handled");
  assert.deepEqual([position.at, position.unheard], ["2-0", "2-0"]);
});

test("an event that nobody watches does not hold anything by failing, and one without a handler is not acknowledged", () => {
  const position = new Position();
  assert.deepEqual(position.finish(position.take("1-0", false), "failed"), { moved: true, acknowledge: undefined });
  assert.deepEqual(position.finish(position.take("2-0", true), "passed"), { moved: true, acknowledge: undefined });
});

test("handlers that never come back hold up a bounded number of events", () => {
  const position = new Position();
  position.take("1-0", false);
  for (let nth = 2; nth <= 1001; nth += 1) position.finish(position.take(`${nth}-0`, false), "handled");
  assert.equal(position.at, "1001-0");
});

test("after a gap anything is new, and everything there is is asked for", () => {
  const position = new Position("9-0");
  position.gap();
  assert.equal(position.at, "0-0");
  assert.ok(position.take("3-0", false));
});

const memory = () => {
  const kept = new Map();
  return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
};

test("cursors are kept by address and user, and nothing else is", () => {
  const storage = memory();
  const keeper = new Keeper(storage, "http://a");
  keeper.of("42");
  keeper.get("user:42").at = "1-0";
  keeper.get("conn:x.1").at = "2-0";
  keeper.save();
  assert.deepEqual([...storage.kept], [["wirebell:http://a:42", '{"user:42":"1-0"}']]);
  assert.deepEqual(new Keeper(storage, "http://a").of("42"), { "user:42": "1-0" });
  assert.deepEqual(new Keeper(storage, "http://b").of("42"), {});
  assert.deepEqual(new Keeper(storage, "http://a").of("43"), {});
  keeper.forget();
  assert.equal(storage.kept.size, 0);
});

test("a storage that is broken, full or forbidden is as none", () => {
  const broken = { getItem: () => "{", setItem() { throw new Error("full"); }, removeItem() { throw new Error("forbidden"); } };
  const keeper = new Keeper(broken, "http://a");
  assert.deepEqual(keeper.of("42"), {});
  keeper.get("user:42").at = "1-0";
  keeper.save();
  assert.deepEqual(keeper.of("42"), { "user:42": "1-0" });
  keeper.forget();
});

test("emits keep their id, are bounded, and are answered once", async () => {
  const sent = [];
  let number = 0;
  const emits = new Emits(2, () => String(++number), (frame) => sent.push(frame));
  const first = emits.emit("a", 1, false, { timeout: 1000 });
  const second = emits.emit("b", 2, true, { timeout: 1000, id: "mine" });
  await assert.rejects(emits.emit("c", 3, true, {}), { code: "queue_full" });
  assert.deepEqual(sent.map(({ type }) => type), ["b"]);
  emits.again();
  assert.deepEqual(sent.map(({ type, id }) => [type, id]), [["b", "mine"], ["a", sent[1].id], ["b", "mine"]]);
  assert.ok(emits.answer({ type: "wirebell.reply", ref: "1", data: { ok: true } }));
  assert.ok(!emits.answer({ type: "wirebell.reply", ref: "1", data: {} }));
  assert.ok(emits.answer({ type: "wirebell.error", ref: "2", code: "not_allowed", message: "no" }));
  assert.deepEqual(await first, { ok: true });
  await assert.rejects(second, { name: "WirebellError", code: "not_allowed", message: "no" });
  await assert.rejects(emits.emit("d", 1, false, { onlineOnly: true }), { code: "offline" });
  await assert.rejects(emits.emit("e", 1, false, { timeout: 10 }), { code: "timed_out" });
  await assert.rejects(emits.emit("f", 1n, false, {}), TypeError);
  const waiting = emits.emit("g", 1, false, {});
  emits.fail("closed", "bye");
  await assert.rejects(waiting, { code: "closed" });
});

test("a token's user is read, whatever letters it has; what is no token has none", () => {
  assert.equal(subject(token("žluťoučký 馬")), "žluťoučký 馬");
  for (const text of ["", "a.b", "a.b.c", "...", token(7)]) assert.equal(subject(text), undefined);
});

test("addresses are taken with and without what the client adds itself", () => {
  for (const url of ["https://a.example", "https://a.example/", "wss://a.example/ws", "wss://a.example"]) assert.equal(address(url), "https://a.example");
  assert.equal(address("ws://127.0.0.1:8080"), "http://127.0.0.1:8080");
  assert.equal(address("https://a.example/push/"), "https://a.example/push");
  assert.throws(() => address("a.example"), TypeError);
});
