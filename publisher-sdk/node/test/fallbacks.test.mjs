// Workers that take over what has fallen back. What a node would put into the stream is put there by its script.
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
  await eventually("all are done", () => workers.reduce((sum, worker) => sum + worker.counters().done, 0) === 80);
  assert.deepEqual([seen.size, new Set(seen.values())], [80, new Set([1])]);
  assert.deepEqual(await workers[0].backlog(), { lag: 0, pending: 0, dead: 0 });
  for (const worker of workers) assert.equal(await worker.close(), 0);
  await Promise.all(running);
  const key = `wb:{due:${shardOf("e0")}}:fallback`;
  assert.deepEqual(await ask(key, "XINFO", "CONSUMERS", key, GROUP), [], "those who close leave the group");
}

test("every fallback gets to one worker of the group, and every group gets them all", async () => {
  await twoWorkersShareAll(ask, redis.url);
  const other = await Fallbacks.connect(redis.url, "another group", quick);
  let count = 0;
  for await (const claim of other) {
    await claim.done();
    if ((count += 1) === 80) break;
  }
  await other.close();
});

test("every fallback gets to one worker in a Cluster", async () => {
  const cluster = await Cluster.start();
  await twoWorkersShareAll((key, ...words) => cluster.ask(key, ...words), cluster.url);
  await cluster.stop();
});

test("what fails is tried again and ends as a dead letter", async () => {
  await fallBack(ask, 0, 10);
  const worker = await Fallbacks.connect(redis.url, GROUP, { ...quick, tries: 3 });
  const seen = new Map();
  const running = worker.run(({ id, tries }) => {
    seen.set(id, (seen.get(id) ?? 0) + 1);
    assert.equal(tries, seen.get(id), "tries are counted");
    // The first can never be taken over; the others at the second try.
    if (id === "e0" || seen.get(id) < 2) throw new Error("nobody answers");
  });
  await eventually("one is dead, the others done", () => worker.counters().dead === 1 && worker.counters().done === 9);
  assert.deepEqual(worker.counters(), { handedOut: 3 + 9 * 2, done: 9, failed: 3 + 9, dead: 1, takenOver: 0 });
  assert.deepEqual(await worker.backlog(), { lag: 0, pending: 0, dead: 1 });
  const [[, fields]] = await redis.ask("XRANGE", `wb:{due:${shardOf("e0")}}:dead`, "-", "+");
  const letter = asObject(fields);
  assert.deepEqual({ ...letter, event: JSON.parse(letter.event).data }, { group: GROUP, tries: "3", reason: "nobody answers", id: "e0", channel: "user:1", at: "7", event: 0 });
  await worker.close();
  await running;
});

test("another worker takes over from one that dies", async () => {
  await fallBack(ask, 0, 20);
  const dying = await Fallbacks.connect(redis.url, GROUP, { ...quick, goneAfter: 2_000, atOnce: 20, worker: "dying" });
  const held = [];
  for (let count = 0; count < 20; count += 1) held.push(await dying.next());
  const other = await Fallbacks.connect(redis.url, GROUP, { ...quick, goneAfter: 2_000 });
  // As long as the first one lives, nothing is taken from it, however slow it is.
  const first = other.next();
  assert.equal(await Promise.race([first, sleep(3_500, "nothing")]), "nothing");
  await held.pop().done();
  // No signs of life any more, and no goodbye: what is in hand is not given back, as it was not finished.
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

test("closing waits for what is in hand and gives back the rest", async () => {
  const worker = await Fallbacks.connect(redis.url, GROUP, { ...quick, atOnce: 2 });
  await fallBack(ask, 0, 30);
  let finished = 0;
  const running = worker.run(async () => {
    await sleep(300);
    finished += 1;
  });
  await eventually("some are handed out", () => worker.counters().handedOut > 0);
  assert.equal(await worker.close(), 0);
  await running;
  assert.ok(finished > 0 && finished < 30 && worker.counters().done === finished, String(finished));
  assert.equal(await worker.next(), undefined);
  // What was given back need not wait until the worker counts as gone, which takes half a minute.
  const other = await Fallbacks.connect(redis.url, GROUP, quick);
  const begun = Date.now();
  for (let left = finished; left < 30; left += 1) {
    const claim = await other.next();
    assert.equal(claim.tries, 1, "it was not tried yet");
    await claim.done();
  }
  assert.ok(Date.now() - begun < 15_000);
  await other.close();
});

test("a worker outlives its Redis, and streams that are gone", async () => {
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

test("a shard that cannot be read keeps nobody from the others", async () => {
  const worker = await Fallbacks.connect(redis.url, GROUP, quick);
  await fallBack(ask, 0, 1);
  await (await worker.next()).done();
  const broken = shardOf("e0");
  await redis.ask("SET", `wb:{due:${broken}}:fallback`, "no stream");
  const others = [...Array(40).keys()].filter((number) => number > 0 && shardOf(`e${number}`) !== broken);
  for (const number of others) await fallBack(ask, number, number + 1);
  const begun = Date.now();
  const ids = new Set();
  while (ids.size < others.length) {
    const claim = await worker.next();
    assert.equal(claim.tries, 1);
    ids.add(claim.id);
    await claim.done();
  }
  // Left pending, they would be taken over after half a minute.
  assert.ok(Date.now() - begun < 15_000);
  await worker.close({ timeout: 0 });
});

test("entries whose answer was lost are found when Redis is back", async () => {
  const worker = await Fallbacks.connect(redis.url, GROUP, { ...quick, worker: "me" });
  await fallBack(ask, 0, 1);
  const held = await worker.next();
  const key = `wb:{due:${shardOf("e1")}}:fallback`;
  // As if Redis had handed it to this worker, and the answer had not come.
  const lose = 'redis.call("XADD", KEYS[1], "*", "id", "e1", "channel", "user:1", "at", "7", "event", "{}"); return redis.call("XREADGROUP", "GROUP", ARGV[1], "me", "STREAMS", KEYS[1], ">")';
  assert.ok(await redis.ask("EVAL", lose, 1, key, GROUP));
  const first = worker.next();
  await redis.kill();
  await sleep(300);
  await redis.run();
  const claim = await Promise.race([first, sleep(15_000)]);
  assert.equal(claim?.id, "e1");
  await claim.done();
  // What it has in its hand is not found a second time.
  assert.equal(await Promise.race([worker.next(), sleep(1_000, "nothing")]), "nothing");
  await held.done();
  assert.deepEqual(await worker.backlog(), { lag: 0, pending: 0, dead: 0 });
  await worker.close({ timeout: 0 });
});

test("what is no fallback is a dead letter, and a door has no streams", async () => {
  await redis.ask("XADD", `wb:{due:${shardOf("e0")}}:fallback`, "*", "hello", "world");
  await fallBack(ask, 0, 1);
  const worker = await Fallbacks.connect(redis.url, GROUP, quick);
  assert.equal((await worker.next()).id, "e0");
  assert.equal((await worker.backlog()).dead, 1);
  await worker.close({ timeout: 0 });

  for (const [url, found] of [["http://127.0.0.1:9090", "services' door"], ["nonsense", "no scheme"]]) {
    await assert.rejects(Fallbacks.connect(url, GROUP), (error) => error.code === "bad_url" && error.message.includes(found));
  }
  for (const [group, options] of [["", {}], [GROUP, { prefix: "a b" }], [GROUP, { tries: 0 }], [GROUP, { retries: 3 }]]) {
    await assert.rejects(Fallbacks.connect(redis.url, group, options), { name: "ConfigurationError", code: "bad_option" });
  }
  const door = new Publisher("http://127.0.0.1:9090");
  assert.throws(() => door.follow(), { name: "ConfigurationError", code: "bad_url" });
  await door.close();
});
