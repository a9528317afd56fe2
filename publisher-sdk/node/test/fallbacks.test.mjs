// Fallback workers. The script of the node adds the events to the fallback stream.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { part, sdk } from "./support/package.mjs";
import { Cluster, Redis, asObject, eventually } from "./support/redis.mjs";
import { fallBack } from "./support/timers.mjs";

const { Fallbacks, Publisher } = sdk;
const { shardOf } = await part("protocol/keys.js");
const GROUP = "text-messages";
const quick = { backoff: 20, longestBackoff: 100, logger: false };
let redis;
const ask = (_, ...words) => redis.ask(...words);

before(async () => { redis = await Redis.start(); });
beforeEach(() => redis.ask("FLUSHALL"));
after(() => redis.stop());

async function twoWorkersShareAll(ask, url) {
  await fallBack(ask, 0, 40);
  const seen = new Map();
  const workers = await Promise.all([1, 2].map(() => Fallbacks.connect(url, GROUP, { ...quick, atOnce: 4 })));
  const running = workers.map((worker) => worker.run(async ({ id, event }) => {
    assert.equal(`e${event.data}`, id);
    seen.set(id, (seen.get(id) ?? 0) + 1);
    await sleep(5);
  }));
  await fallBack(ask, 40, 80);
  await eventually("all events are done", () => workers.reduce((sum, worker) => sum + worker.counters().done, 0) === 80);
  assert.deepEqual([seen.size, new Set(seen.values())], [80, new Set([1])]);
  assert.deepEqual(await workers[0].backlog(), { lag: 0, pending: 0, dead: 0 });
  for (const worker of workers) assert.equal(await worker.close(), 0);
  await Promise.all(running);
  const key = `wb:{due:${shardOf("e0")}}:fallback`;
  assert.deepEqual(await ask(key, "XINFO", "CONSUMERS", key, GROUP), [], "closed workers leave the group");
}

test("one worker of each group gets a fallback event, and every group gets all events", async () => {
  await twoWorkersShareAll(ask, redis.url);
  const other = await Fallbacks.connect(redis.url, "another group", quick);
  let count = 0;
  for await (const claim of other) {
    await claim.done();
    if ((count += 1) === 80) break;
  }
  await other.close();
});

test("one worker of a group gets a fallback event in a Cluster", async () => {
  const cluster = await Cluster.start();
  await twoWorkersShareAll((key, ...words) => cluster.ask(key, ...words), cluster.url);
  await cluster.stop();
});

test("failed attempts are retried and end as a dead letter", async () => {
  await fallBack(ask, 0, 10);
  const worker = await Fallbacks.connect(redis.url, GROUP, { ...quick, tries: 3 });
  const seen = new Map();
  const running = worker.run(({ id, tries }) => {
    seen.set(id, (seen.get(id) ?? 0) + 1);
    assert.equal(tries, seen.get(id), "attempts are counted");
    // The first event always fails; the others succeed in the second attempt.
    if (id === "e0" || seen.get(id) < 2) throw new Error("no answer");
  });
  await eventually("one event is dead, the others are done", () => worker.counters().dead === 1 && worker.counters().done === 9);
  assert.deepEqual(worker.counters(), { handedOut: 3 + 9 * 2, done: 9, failed: 3 + 9, dead: 1, takenOver: 0 });
  assert.deepEqual(await worker.backlog(), { lag: 0, pending: 0, dead: 1 });
  const [[, fields]] = await redis.ask("XRANGE", `wb:{due:${shardOf("e0")}}:dead`, "-", "+");
  const letter = asObject(fields);
  assert.deepEqual({ ...letter, event: JSON.parse(letter.event).data }, { group: GROUP, tries: "3", reason: "no answer", id: "e0", channel: "user:1", at: "7", event: 0 });
  await worker.close();
  await running;
});

test("another worker takes over from one that dies", async () => {
  await fallBack(ask, 0, 20);
  const dying = await Fallbacks.connect(redis.url, GROUP, { ...quick, goneAfter: 2_000, atOnce: 20, worker: "dying" });
  const inFlight = [];
  for (let count = 0; count < 20; count += 1) inFlight.push(await dying.next());
  const other = await Fallbacks.connect(redis.url, GROUP, { ...quick, goneAfter: 2_000 });
  // Events of a live worker are not taken over, however slow it is.
  const first = other.next();
  assert.equal(await Promise.race([first, sleep(3_500, "nothing")]), "nothing");
  await inFlight.pop().done();
  // The worker stops renewing its leases. Events in flight are not returned to the group.
  const closing = dying.close({ timeout: 0 });
  const ids = new Set();
  for (let claim = await first; ; claim = await other.next()) {
    assert.equal(claim.tries, 2);
    ids.add(claim.id);
    await claim.done();
    if (ids.size === 19) break;
  }
  assert.equal(await closing, 19);
  assert.equal(other.counters().takenOver, 19);
  assert.deepEqual(await other.backlog(), { lag: 0, pending: 0, dead: 0 });
  await other.close();
});

test("close waits for events in flight and returns the others to the group", async () => {
  const worker = await Fallbacks.connect(redis.url, GROUP, { ...quick, atOnce: 2 });
  await fallBack(ask, 0, 30);
  let finished = 0;
  const running = worker.run(async () => {
    await sleep(300);
    finished += 1;
  });
  await eventually("some events are handed out", () => worker.counters().handedOut > 0);
  assert.equal(await worker.close(), 0);
  await running;
  assert.ok(finished > 0 && finished < 30 && worker.counters().done === finished, String(finished));
  assert.equal(await worker.next(), undefined);
  // Returned events are available before the worker counts as gone, which takes half a minute.
  const other = await Fallbacks.connect(redis.url, GROUP, quick);
  const start = Date.now();
  for (let left = finished; left < 30; left += 1) {
    const claim = await other.next();
    assert.equal(claim.tries, 1, "no attempt was made yet");
    await claim.done();
  }
  assert.ok(Date.now() - start < 15_000);
  await other.close();
});

test("a worker continues after an outage of Redis, and after the streams were deleted", async () => {
  const worker = await Fallbacks.connect(redis.url, GROUP, quick);
  await fallBack(ask, 0, 1);
  await (await worker.next()).done();
  await redis.kill();
  await sleep(300);
  await redis.run();
  await fallBack(ask, 1, 2);
  const claim = await worker.next();
  assert.equal(claim.id, "e1");
  await claim.done();
  await redis.ask("FLUSHALL");
  await fallBack(ask, 2, 3);
  assert.equal((await worker.next()).id, "e2");
  await worker.close({ timeout: 0 });
});

test("a shard that cannot be read does not hold up the other shards", async () => {
  const worker = await Fallbacks.connect(redis.url, GROUP, quick);
  await fallBack(ask, 0, 1);
  await (await worker.next()).done();
  const broken = shardOf("e0");
  await redis.ask("SET", `wb:{due:${broken}}:fallback`, "no stream");
  const others = [...Array(40).keys()].filter((number) => number > 0 && shardOf(`e${number}`) !== broken);
  for (const number of others) await fallBack(ask, number, number + 1);
  const start = Date.now();
  const ids = new Set();
  while (ids.size < others.length) {
    const claim = await worker.next();
    assert.equal(claim.tries, 1);
    ids.add(claim.id);
    await claim.done();
  }
  // If they stayed pending, they would be taken over only after half a minute.
  assert.ok(Date.now() - start < 15_000);
  await worker.close({ timeout: 0 });
});

test("entries of a lost reply are claimed when Redis is back", async () => {
  const worker = await Fallbacks.connect(redis.url, GROUP, { ...quick, worker: "me" });
  await fallBack(ask, 0, 1);
  const other = await worker.next();
  const key = `wb:{due:${shardOf("e1")}}:fallback`;
  // As if Redis had assigned the entry to this worker in a reply that was lost.
  const lose = 'redis.call("XADD", KEYS[1], "*", "id", "e1", "channel", "user:1", "at", "7", "event", "{}"); return redis.call("XREADGROUP", "GROUP", ARGV[1], "me", "STREAMS", KEYS[1], ">")';
  assert.ok(await redis.ask("EVAL", lose, 1, key, GROUP));
  const first = worker.next();
  await redis.kill();
  await sleep(300);
  await redis.run();
  const claim = await Promise.race([first, sleep(15_000)]);
  assert.equal(claim?.id, "e1");
  await claim.done();
  // An entry in flight is not claimed a second time.
  assert.equal(await Promise.race([worker.next(), sleep(1_000, "nothing")]), "nothing");
  await other.done();
  assert.deepEqual(await worker.backlog(), { lag: 0, pending: 0, dead: 0 });
  await worker.close({ timeout: 0 });
});

test("an invalid entry becomes a dead letter, and HTTP has no streams", async () => {
  await redis.ask("XADD", `wb:{due:${shardOf("e0")}}:fallback`, "*", "hello", "world");
  await fallBack(ask, 0, 1);
  const worker = await Fallbacks.connect(redis.url, GROUP, quick);
  assert.equal((await worker.next()).id, "e0");
  assert.equal((await worker.backlog()).dead, 1);
  await worker.close({ timeout: 0 });

  for (const [url, found] of [["http://127.0.0.1:9090", "server API"], ["nonsense", "no scheme"]]) {
    await assert.rejects(Fallbacks.connect(url, GROUP), (error) => error.code === "bad_url" && error.message.includes(found));
  }
  for (const [group, options] of [["", {}], [GROUP, { prefix: "a b" }], [GROUP, { tries: 0 }], [GROUP, { retries: 3 }]]) {
    await assert.rejects(Fallbacks.connect(redis.url, group, options), { name: "ConfigurationError", code: "bad_option" });
  }
  const http = new Publisher("http://127.0.0.1:9090");
  assert.throws(() => http.follow(), { name: "ConfigurationError", code: "bad_url" });
  await http.close();
});
