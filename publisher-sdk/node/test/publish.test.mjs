// `publish` and `publishAll` with a real Redis.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { ROOT, sdk } from "./support/package.mjs";
import { Redis } from "./support/redis.mjs";

const { InvalidEventError, Publisher, RefusedError, TimedOutError, UnavailableError, rawJson } = sdk;
const numbered = (to, data, more = {}) => ({ to, type: "number", data, ...more });
let redis, wb;

before(async () => {
  redis = await Redis.start();
  wb = await Publisher.connect(redis.url, { logger: false });
});
beforeEach(() => redis.ask("FLUSHALL"));
after(async () => {
  await wb.close();
  await redis.stop();
});

test("the scripts in Redis are those of the protocol, byte for byte", async () => {
  const read = (path) => readFileSync(join(ROOT, path), "utf8");
  const [publish, tracking] = [read("protocol/src/publish/publish.lua"), (name) => read(`protocol/src/tracking/${name}.lua`)];
  const texts = [publish + read("protocol/src/publish/main.lua"), publish + tracking("schedule"), publish + tracking("alarm")];
  texts.push(...["register", "finish", "cancel"].map(tracking), ...["keep", "bury", "leave"].map((name) => read(`publisher-sdk/src/redis/${name}.lua`)));
  const digests = texts.map((text) => createHash("sha1").update(text).digest("hex"));
  assert.deepEqual(await redis.ask("SCRIPT", "EXISTS", ...digests), digests.map(() => 1));
});

test("the log and the announcement contain the published event", async () => {
  const listener = createClient({ url: redis.url });
  await listener.connect();
  const received = [];
  await listener.sSubscribe("wb:{user:42}:announce", (message) => received.push(message));
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const data = rawJson(' { "status":"paid" , "sum":1.0, "name":"Zoë \\u00e9" } ');
  const published = await wb.publish({ to: "user:42", type: "payment-status", data, source: "payments", traceparent, ttl: 60 });
  assert.match(published.id, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "a ULID");
  assert.deepEqual([published.nodes, published.isScheduled], [1, false]);

  const [entry] = await redis.log("user:42");
  assert.equal(entry.cursor, published.cursor);
  assert.equal(entry.fields.t.slice(entry.fields.t.indexOf('"data":')), `"data":{ "status":"paid" , "sum":1.0, "name":"Zoë \\u00e9" },"traceparent":"${traceparent}"}`);
  assert.deepEqual({ id: entry.frame.id, type: entry.frame.type, source: entry.frame.source }, { id: published.id, type: "payment-status", source: "payments" });
  assert.match(entry.frame.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(entry.frame.time) - Date.now()) < 5_000);

  const [header, frame] = received[0].split("\n");
  assert.equal(received.length, 1);
  assert.match(header, new RegExp(`^1 d user:42 ${published.cursor} 0-0 \\d{16} ${entry.fields.x}$`));
  assert.equal(frame, `${entry.fields.h},"cursor":"${published.cursor}"${entry.fields.t}`);
  listener.destroy();
});

test("the same id is published once, and returns the same result", async () => {
  const first = await wb.publish(numbered("user:1", 1, { id: "order-7" }));
  const again = await wb.publish(numbered("user:1", 2, { id: "order-7" }));
  assert.deepEqual(again.toJSON(), first.toJSON());
  assert.deepEqual(await redis.data("user:1"), [1]);
});

test("publishAll keeps the order, and returns a result for each event", async () => {
  const channel = (number) => (number % 3 === 0 ? "topic:news" : "user:1");
  const answers = await wb.publishAll(Array.from({ length: 1_000 }, (_, number) => numbered(channel(number), number)));
  const cursors = answers.map(({ value }) => value.cursor);
  for (const name of ["user:1", "topic:news"]) {
    const log = await redis.log(name);
    const expected = [...Array(1_000).keys()].filter((number) => channel(number) === name);
    assert.deepEqual(log.map(({ frame }) => frame.data), expected);
    assert.deepEqual(log.map(({ cursor }) => cursor), expected.map((number) => cursors[number]));
  }
  assert.deepEqual(await wb.publishAll([]), []);
});

test("an event goes to several channels, a volatile one to no log, a retained one to its key", async () => {
  const published = await wb.publish(numbered(["user:1", "user:2", "all", "user:1"], 1));
  assert.equal(published.cursor, undefined, "three channels have three cursors");
  assert.deepEqual(published.channels.map(({ channel, nodes }) => [channel, nodes]), [["user:1", 0], ["user:2", 0], ["all", 0]]);
  assert.ok(published.channels.every(({ cursor }) => cursor !== undefined));

  const volatile = await wb.publish(numbered("user:3", 1, { class: "volatile" }));
  assert.deepEqual([volatile.cursor, await redis.log("user:3")], [undefined, []]);

  await wb.publish(numbered("user:4", 1, { class: "retained", key: "k" }));
  await wb.publish(numbered("user:4", 2, { class: "retained", key: "k" }));
  const [value] = await redis.ask("HVALS", "wb:{user:4}:retained");
  assert.equal(JSON.parse(value.slice(value.indexOf("\n") + 1)).data, 2);
});

test("prefix, retention and log rules apply", async () => {
  const other = new Publisher({ url: redis.url, prefix: "shop", retention: { seenMillis: 60_000 }, logRules: [{ channels: "topic:chat-*", events: 5, millis: 9_000 }] });
  await other.publish(numbered("topic:chat-1", 1, { id: "x" }));
  await other.publish(numbered("user:1", 1, { id: "x" }));
  for (const [key, millis] of [["topic:chat-1}:log", 9_000], ["topic:chat-1}:seen:x", 60_000], ["user:1}:log", 86_400_000]]) {
    const left = await redis.ask("PTTL", `shop:{${key}`);
    // The script may keep a log somewhat longer, because it does not trim by age on every call.
    assert.ok(left > millis - 5_000 && left <= millis * 1.1, `${key}: ${left}`);
  }
  await other.close();
});

test("flushed scripts are loaded again", async () => {
  await wb.publish(numbered("user:1", 0));
  await redis.ask("SCRIPT", "FLUSH");
  const answers = await wb.publishAll([1, 2, 3, 4].map((number) => numbered("user:1", number)));
  assert.ok(answers.every(({ status }) => status === "fulfilled"), JSON.stringify(answers));
  assert.deepEqual(await redis.data("user:1"), [0, 1, 2, 3, 4]);
});

test("an invalid event is rejected alone, and does not hold up the others", async () => {
  await redis.ask("SET", "wb:{user:bad}:log", "not a stream");
  const answers = await wb.publishAll([numbered("user:1", 1), numbered("user:bad", 2), numbered("nobody", 3), numbered("user:1", 4)]);
  assert.deepEqual(answers.map(({ status }) => status), ["fulfilled", "rejected", "rejected", "fulfilled"]);
  assert.ok(answers[1].reason instanceof RefusedError && answers[2].reason instanceof InvalidEventError);
  assert.equal(answers[1].reason.code, "WRONGTYPE");
  assert.deepEqual(await redis.data("user:1"), [1, 4]);
});

test("a full Redis is unavailable, and accepts the event once it has room", async () => {
  await redis.ask("CONFIG", "SET", "maxmemory", 1);
  const short = new Publisher(redis.url, { timeout: 200 });
  await assert.rejects(short.publish(numbered("user:1", 0)), (error) => error instanceof UnavailableError && error.code === "unavailable" && error.message.includes("OOM"));
  const pending = wb.publish(numbered("user:1", 1));
  await sleep(100);
  await redis.ask("CONFIG", "SET", "maxmemory", 0);
  await pending;
  assert.deepEqual(await redis.data("user:1"), [1]);
  await short.close();
});

test("a hanging Redis times out, a stopped one is unavailable, and the event is stored once", async () => {
  const short = await Publisher.connect(redis.url, { timeout: 500, logger: false });
  const event = numbered("user:1", 1, { id: "once" });
  await short.publish(numbered("user:1", 0));
  redis.signal("STOP");
  const start = Date.now();
  await assert.rejects(short.publish(event), (error) => error instanceof TimedOutError && error.code === "timed_out");
  assert.ok(Date.now() - start < 4_000);
  redis.signal("CONT");
  await short.publish(event);
  assert.deepEqual(await redis.data("user:1"), [0, 1], "the event is stored once, although it was sent twice at least");

  await redis.kill();
  await assert.rejects(short.publish(event), (error) => error instanceof UnavailableError && error.message.includes("ECONNREFUSED"));
  await redis.run();
  await short.publish(numbered("user:1", 2));
  assert.deepEqual(await redis.data("user:1"), [0, 1, 2]);
  await short.close();
});

test("a closed publisher publishes nothing", async () => {
  const closed = await Publisher.connect(redis.url);
  assert.deepEqual(await closed.close(), { ended: "done", waiting: 0 });
  await assert.rejects(closed.publish(numbered("user:1", 1)), { name: "ClosedError", code: "closed" });
  assert.deepEqual(closed.enqueue(numbered("user:1", 1, { id: "late" })), { accepted: false, reason: "closed", id: "late" });
  assert.deepEqual(await redis.data("user:1"), []);
});
