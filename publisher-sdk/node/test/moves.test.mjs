// Redis with Sentinels and as a Cluster: events while slots and primaries move from one server to
// another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { part, sdk } from "./support/package.mjs";
import { Cluster, Redis, Sentinels, eventually } from "./support/redis.mjs";

const { Publisher } = sdk;
const { shardOf } = await part("protocol/keys.js");
const numbered = (to, data, more = {}) => ({ to, type: "number", data, ...more });
const range = (from, to) => Array.from({ length: to - from }, (_, at) => from + at);
const patient = { timeout: 30_000, retention: { logEvents: 100_000 }, logger: false };
const flush = async (wb) => assert.deepEqual(await wb.flush({ timeout: 30_000 }), { ended: "done", waiting: 0 });

// Enqueues the numbers, a few at a time.
async function trickle(wb, channels, from, to) {
  for (const number of range(from, to)) {
    for (const channel of channels) assert.ok(wb.enqueue(numbered(channel, number, { durability: "primary" })).accepted);
    if (number % 10 === 0) await sleep(5);
  }
}

test("events reach the right server of a Cluster, also while slots and primaries move", async (t) => {
  const cluster = await Cluster.start(1);
  t.after(() => cluster.stop());
  const wb = await Publisher.connect(cluster.url, patient);
  t.after(() => wb.close({ timeout: 0 }));

  const name = (number) => `user:${number % 20}`;
  const events = range(0, 600).map((number) => numbered(name(number), number));
  const toMany = numbered(range(0, 20).map(name), 600, { id: "many" });
  const answers = await wb.publishAll([...events, toMany]);
  assert.ok(answers.every(({ status }) => status === "fulfilled"), inspect(answers));
  assert.deepEqual((await wb.publish(toMany)).toJSON(), answers.at(-1).value.toJSON());
  const used = new Set();
  for (const user of range(0, 20)) {
    used.add(await cluster.owner(`wb:{user:${user}}:log`));
    assert.deepEqual(await cluster.data(`user:${user}`), [...range(0, 600).filter((number) => number % 20 === user), 600]);
  }
  assert.equal(used.size, 3, "the channels are spread over all primaries");
  for (const one of cluster.nodes.slice(0, 3)) await one.ask("SCRIPT", "FLUSH");
  assert.ok((await wb.publishAll(range(0, 60).map((number) => numbered(name(number), number)))).every(({ status }) => status === "fulfilled"));

  const channels = ["user:a", "topic:a", "topic:b"];
  const traffic = trickle(wb, channels, 0, 1_000);
  await sleep(100);
  await cluster.migrate("wb:{user:a}:log");
  await sleep(100);
  // A manual failover: the primary hands over all its data before the replica takes its place.
  const primary = await cluster.owner("wb:{topic:a}:log");
  await cluster.nodes[cluster.nodes.indexOf(primary) + 3].ask("CLUSTER", "FAILOVER");
  await traffic;
  await flush(wb);
  for (const channel of channels) assert.deepEqual(await cluster.data(channel), range(0, 1_000), channel);
  assert.ok(wb.counters().retried > 0, "the moves have to hit some traffic");

  // Data that a primary has not replicated when it dies is lost, so the test waits for replication
  // first.
  const lost = await cluster.owner("wb:{topic:b}:log");
  await lost.ask("WAIT", 1, 5_000);
  await lost.kill();
  await trickle(wb, channels, 1_000, 1_300);
  await flush(wb);
  for (const channel of channels) assert.deepEqual(await cluster.data(channel), range(0, 1_300), channel);
});

test("Sentinels lead to the new primary, and replicated events survive the old one", async (t) => {
  const pair = await Sentinels.start("correct-horse", "battery");
  t.after(() => pair.stop());
  const wb = await Publisher.connect(pair.url, { ...patient, durability: "replicated" });
  t.after(() => wb.close({ timeout: 0 }));
  const shown = inspect(wb, { depth: 9, showHidden: true });
  assert.ok(!shown.includes("correct-horse") && !shown.includes("battery"), shown);

  const answers = await wb.publishAll(range(0, 50).map((number) => numbered(`user:${number}`, number)));
  assert.ok(answers.every(({ status }) => status === "fulfilled"), inspect(answers));
  const last = await wb.publish(numbered("user:last", 1, { deadline: 60 }));
  const old = await pair.primary();
  await old.kill();
  await trickle(wb, ["user:1"], 100, 400);
  await flush(wb);
  const primary = await eventually("the Sentinels name another primary", async () => {
    const named = await pair.primary();
    return named !== old && named;
  });
  for (const number of range(0, 50)) assert.equal((await primary.data(`user:${number}`))[0], number);
  assert.deepEqual(await primary.data("user:1"), [1, ...range(100, 400)]);
  assert.equal((await primary.data("user:last")).length, 1);
  assert.equal(await primary.ask("ZCARD", `wb:{due:${shardOf(last.id)}}:timers`), 1, "its timer is replicated as well");

  const wrong = pair.url.replace("correct-horse", "hunter2");
  await assert.rejects(Publisher.connect(wrong, { logger: false }), { name: "RefusedError", code: "WRONGPASS" });
});

test("a replicated event without a replica is unavailable, and can be published again", async (t) => {
  const redis = await Redis.start();
  t.after(() => redis.stop());
  const wb = await Publisher.connect(redis.url, { timeout: 1_000, answerTimeout: 400, logger: false });
  t.after(() => wb.close({ timeout: 0 }));
  const event = numbered("user:1", 1, { id: "a", durability: "replicated" });
  await assert.rejects(wb.publish(event), (error) => error.code === "unavailable" && error.message.includes("with the same id"));
  await assert.rejects(wb.publish(event), { code: "unavailable" }, "it fails although the primary has the event");
  assert.deepEqual(await redis.data("user:1"), [1]);

  // Events that need no replica do not wait for events that do.
  const patient = await Publisher.connect(redis.url, { timeout: 2_500, answerTimeout: 2_000, logger: false });
  t.after(() => patient.close({ timeout: 0 }));
  let over = false;
  const waiting = assert.rejects(patient.publish(event)).then(() => (over = true));
  await sleep(50);
  await patient.publish(numbered("user:2", 1));
  assert.equal(over, false);
  await waiting;

  // The default durability applies to stored events that set none.
  const strict = await Publisher.connect(redis.url, { timeout: 500, answerTimeout: 200, durability: "replicated", logger: false });
  t.after(() => strict.close({ timeout: 0 }));
  await strict.publish(numbered("user:3", 1, { durability: "primary" }));
  await strict.publish(numbered("user:3", 1, { class: "volatile" }));
  await assert.rejects(strict.publish(numbered("user:3", 1)), { code: "unavailable" });
});
