// `enqueue`: it never waits or throws, loses nothing while Redis is down, and reports events it
// cannot accept.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FOLDER, sdk } from "./support/package.mjs";
import { Redis, eventually } from "./support/redis.mjs";

const { Publisher } = sdk;
const numbered = (data, more = {}) => ({ to: "user:1", type: "number", data, ...more });
const range = (from, to) => Array.from({ length: to - from }, (_, at) => from + at);
let redis;

before(async () => { redis = await Redis.start(); });
beforeEach(() => redis.ask("FLUSHALL"));
after(() => redis.stop());

// Returns a logger that records its messages.
function recordingLogger() {
  const logged = [];
  return { logged, warn: (message, fields) => logged.push({ message, ...fields }), error: (message, fields) => logged.push({ message, ...fields }) };
}

test("enqueued events are published in order, once, through kills and hangs of Redis", async () => {
  const logger = recordingLogger();
  const wb = new Publisher(redis.url, { answerTimeout: 300, retention: { logEvents: 100_000 }, logger });
  let number = 0;
  const more = (count) => range(number, (number += count)).forEach((data) => assert.equal(wb.enqueue(numbered(data)).accepted, true));
  more(1_000);
  for (let round = 0; round < 3; round += 1) {
    await redis.kill();
    more(500);
    await sleep(50);
    await redis.run();
    more(500);
    redis.signal("STOP");
    more(500);
    await sleep(400);
    redis.signal("CONT");
    await sleep(50);
  }
  assert.deepEqual(await wb.flush({ timeout: 20_000 }), { ended: "done", waiting: 0 });
  assert.deepEqual(await redis.data("user:1"), range(0, number));
  const counters = wb.counters();
  assert.deepEqual([counters.enqueued, counters.published, counters.refused, counters.waiting, counters.waitingBytes], [number, number, 0, 0, 0]);
  assert.ok(counters.retried > 0);
  // One message at the start and one at the end of an outage, not one per event or attempt.
  const messages = logger.logged.map(({ message }) => message.replace("wirebell: ", ""));
  assert.ok(messages.length <= 12 && messages.includes("cannot publish; retrying the waiting events") && messages.includes("publishing again"), messages.join("\n"));
  await wb.close();
});

test("enqueue never throws, and says why it does not accept an event", async () => {
  const logger = recordingLogger();
  const wb = new Publisher("redis://127.0.0.1:1", { bufferEvents: 3, bufferBytes: 400, logger });
  const loop = {};
  loop.self = loop;
  const throwing = { to: "all", type: "t", get data() { throw new Error("mine"); } };
  for (const wrong of [undefined, null, 7, {}, numbered(1n), numbered(loop), numbered(undefined), throwing, new Proxy({}, { ownKeys: () => { throw new Error("mine"); } })]) {
    const enqueued = wb.enqueue(wrong);
    assert.equal(enqueued.accepted, false);
    assert.equal(enqueued.reason, "invalid");
    assert.equal(enqueued.error.code, "invalid_event");
  }
  const start = process.hrtime.bigint();
  assert.deepEqual(wb.enqueue(numbered("x".repeat(500), { id: "large" })), { accepted: false, reason: "full", id: "large" });
  const results = range(0, 5).map((data) => wb.enqueue(numbered(data, { id: `e${data}` })));
  assert.ok(process.hrtime.bigint() - start < 1_000_000_000n, "it does not wait");
  assert.deepEqual(results.map(({ accepted, reason, id }) => [id, accepted, reason]), [["e0", true, undefined], ["e1", true, undefined], ["e2", true, undefined], ["e3", false, "full"], ["e4", false, "full"]]);
  const { enqueued, dropped, invalid, waiting } = wb.counters();
  assert.deepEqual({ enqueued, dropped, invalid, waiting }, { enqueued: 3, dropped: 3, invalid: 9, waiting: 3 });
  assert.deepEqual(await wb.flush({ timeout: 50 }), { ended: "timed_out", waiting: 3 });
  // One message for the first overflow, and one for the second after there was room; not one per
  // event.
  assert.equal(logger.logged.filter(({ message }) => message.includes("buffer is full")).length, 2);
  assert.deepEqual(await wb.close({ timeout: 50 }), { ended: "timed_out", waiting: 3 });
  assert.equal(logger.logged.at(-1).message, "wirebell: the publisher was closed while events waited; they are lost");
});

test("a rejected event does not hold up later events", async () => {
  const logger = recordingLogger();
  await redis.ask("SET", "wb:{user:bad}:log", "not a stream");
  const wb = new Publisher(redis.url, { logger });
  wb.enqueue(numbered(0));
  wb.enqueue(numbered("s3cret", { to: "user:bad", id: "refused" }));
  wb.enqueue(numbered(1));
  assert.deepEqual(await wb.close(), { ended: "done", waiting: 0 });
  assert.deepEqual(await redis.data("user:1"), [0, 1]);
  const { published, refused } = wb.counters();
  assert.deepEqual({ published, refused }, { published: 2, refused: 1 });
  const [first] = logger.logged;
  assert.deepEqual([first.message, first.id, first.code], ["wirebell: an event was rejected and is not retried", "refused", "WRONGTYPE"]);
  assert.ok(!JSON.stringify(logger.logged).includes("s3cret"), "no payload in a log");
});

test("events wait while the password is wrong", async () => {
  const locked = await Redis.start("--requirepass", "right");
  const wb = new Publisher(`redis://:wrong@127.0.0.1:${locked.port}`, { logger: false });
  wb.enqueue(numbered(0));
  await sleep(100);
  await locked.ask("CONFIG", "SET", "requirepass", "wrong");
  assert.deepEqual(await wb.close({ timeout: 5_000 }), { ended: "done", waiting: 0 });
  assert.deepEqual(wb.counters().published, 1);
  locked.client?.destroy();
  await locked.stop();
});

test("a process without other work ends by itself after all events are published", async () => {
  const program = `
    const { Publisher } = require(${JSON.stringify(FOLDER)});
    const wb = new Publisher(${JSON.stringify(redis.url)});
    for (let data = 0; data < 600; data += 1) wb.enqueue({ to: "user:1", type: "number", data });
    wb.publish({ to: "user:2", type: "number", data: 1 });
  `;
  const child = spawn(process.execPath, ["-e", program], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  await eventually("all events are published", async () => (await redis.data("user:1")).length === 600 && (await redis.data("user:2")).length === 1);
});
