// The stream of receipts. The protocol's script writes the receipts, as on a node.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sdk } from "./support/package.mjs";
import { Redis, eventually } from "./support/redis.mjs";
import { fallBack } from "./support/timers.mjs";

const { Publisher } = sdk;
let redis;
const ask = (_, ...words) => redis.ask(...words);
const pending = async (group) => {
  const counts = await Promise.all([...Array(8).keys()].map(async (shard) => (await redis.ask("XPENDING", `wb:{due:${shard}}:receipts`, group))[0]));
  return counts.reduce((sum, count) => sum + count, 0);
};
const ids = (from, to) => new Set(Array.from({ length: to - from }, (_, at) => `e${from + at}`));
async function take(receipts, count) {
  const found = [];
  while (found.length < count) found.push((await receipts.next()).value);
  return found;
}

before(async () => { redis = await Redis.start(); });
beforeEach(() => redis.ask("FLUSHALL"));
after(() => redis.stop());

test("a reader without a group gets all receipts written after it started", async () => {
  await fallBack(ask, 0, 5);
  const wb = await Publisher.connect(redis.url, { logger: false });
  const [one, two] = [wb.follow(), wb.follow({ only: ({ id }) => id === "e12" })];
  await sleep(100);
  await fallBack(ask, 5, 20);
  const found = await take(one, 15);
  assert.deepEqual(new Set(found.map(({ id }) => id)), ids(5, 20));
  assert.deepEqual(found.find(({ id }) => id === "e7"), { id: "e7", channel: "user:1", outcome: "fallen_back", at: 7 });
  assert.equal((await two.next()).value.id, "e12");
  // It waits through an outage, and ends when its publisher is closed.
  const next = one.next();
  await redis.kill();
  await redis.run();
  await fallBack(ask, 20, 21);
  assert.equal((await next).value.id, "e20");
  const last = one.next();
  await wb.close();
  assert.deepEqual(await last, { done: true, value: undefined });
});

test("readers of a group share its receipts, and resume where they stopped", async () => {
  await fallBack(ask, 0, 40);
  const wb = await Publisher.connect(redis.url);
  const readers = [wb.follow({ group: "orders" }), wb.follow({ group: "orders" })];
  const seen = [];
  const reading = readers.map(async (reader) => {
    for await (const { id } of reader) seen.push(id);
  });
  await eventually("all receipts are read", () => seen.length === 40);
  assert.deepEqual(new Set(seen), ids(0, 40));
  // Each reader called `next` again, which acknowledges the receipts before.
  await eventually("all receipts are acknowledged", async () => (await pending("orders")) === 0);
  await wb.close();
  await Promise.all(reading);

  await fallBack(ask, 40, 43);
  const later = await Publisher.connect(redis.url);
  const after = later.follow({ group: "orders" });
  assert.deepEqual(new Set((await take(after, 3)).map(({ id }) => id)), ids(40, 43));
  await after.commit();
  assert.equal(await pending("orders"), 0);
  await later.close();
});

test("breaking out of the loop leaves the last receipt unacknowledged", async () => {
  await fallBack(ask, 0, 8);
  const wb = await Publisher.connect(redis.url);
  let count = 0;
  for await (const _ of wb.follow({ group: "orders" })) if ((count += 1) === 8) break;
  assert.equal(await pending("orders"), 1);
  assert.throws(() => wb.follow({ groups: "orders" }), { code: "bad_option" });
  assert.throws(() => wb.follow({ group: "" }), { code: "bad_option" });
  await wb.close();
  assert.throws(() => wb.follow(), { code: "closed" });
});
