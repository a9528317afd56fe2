// `enqueue`: never waits, never throws, loses nothing while Redis is away, and says what it cannot take.
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

// Keeps what is said.
function listening() {
  const said = [];
  return { said, warn: (message, fields) => said.push({ message, ...fields }), error: (message, fields) => said.push({ message, ...fields }) };
}

test("what is enqueued is published in its order, once, through kills and hangs of Redis", async () => {
  const logger = listening();
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
  // Once when it begins, once when it is over: not for each event and each try.
  const words = logger.said.map(({ message }) => message.replace("wirebell: ", ""));
  assert.ok(words.length <= 12 && words.includes("events wait and are tried again") && words.includes("events are published again"), words.join("\n"));
  await wb.close();
});

test("it never throws, and names what it cannot take", async () => {
  const logger = listening();
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
  const begun = process.hrtime.bigint();
  assert.deepEqual(wb.enqueue(numbered("x".repeat(500), { id: "large" })), { accepted: false, reason: "full", id: "large" });
  const answers = range(0, 5).map((data) => wb.enqueue(numbered(data, { id: `e${data}` })));
  assert.ok(process.hrtime.bigint() - begun < 1_000_000_000n, "it does not wait");
  assert.deepEqual(answers.map(({ accepted, reason, id }) => [id, accepted, reason]), [["e0", true, undefined], ["e1", true, undefined], ["e2", true, undefined], ["e3", false, "full"], ["e4", false, "full"]]);
  const { enqueued, dropped, invalid, waiting } = wb.counters();
  assert.deepEqual({ enqueued, dropped, invalid, waiting }, { enqueued: 3, dropped: 3, invalid: 9, waiting: 3 });
  assert.deepEqual(await wb.flush({ timeout: 50 }), { ended: "timed_out", waiting: 3 });
  // The first overflow, then the second after there was room: not each event.
  assert.equal(logger.said.filter(({ message }) => message.includes("buffer is full")).length, 2);
  assert.deepEqual(await wb.close({ timeout: 50 }), { ended: "timed_out", waiting: 3 });
  assert.equal(logger.said.at(-1).message, "wirebell: the publisher is closed while events wait: they are lost");
});

test("an event that is refused for good does not hold up those behind it", async () => {
  const logger = listening();
  await redis.ask("SET", "wb:{user:bad}:log", "not a stream");
  const wb = new Publisher(redis.url, { logger });
  wb.enqueue(numbered(0));
  wb.enqueue(numbered("s3cret", { to: "user:bad", id: "refused" }));
  wb.enqueue(numbered(1));
  assert.deepEqual(await wb.close(), { ended: "done", waiting: 0 });
  assert.deepEqual(await redis.data("user:1"), [0, 1]);
  const { published, refused } = wb.counters();
  assert.deepEqual({ published, refused }, { published: 2, refused: 1 });
  const [said] = logger.said;
  assert.deepEqual([said.message, said.id, said.code], ["wirebell: an event was refused for good", "refused", "WRONGTYPE"]);
  assert.ok(!JSON.stringify(logger.said).includes("s3cret"), "no payload in a log");
});

test("a wrong password is not the event's fault", async () => {
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

test("a process that has no more to do ends by itself, once all is published", async () => {
  const program = `
    const { Publisher } = require(${JSON.stringify(FOLDER)});
    const wb = new Publisher(${JSON.stringify(redis.url)});
    for (let data = 0; data < 600; data += 1) wb.enqueue({ to: "user:1", type: "number", data });
    wb.publish({ to: "user:2", type: "number", data: 1 });
  `;
  const child = spawn(process.execPath, ["-e", program], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  await eventually("all is there", async () => (await redis.data("user:1")).length === 600 && (await redis.data("user:2")).length === 1);
});
