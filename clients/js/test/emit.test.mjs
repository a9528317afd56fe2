// Emits and their replies, with real nodes, a real Redis and a real worker.
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { browserTests } from "./support/browser.mjs";
import { connect } from "./support/client.mjs";
import { Node, freePort, startRedis } from "./support/node.mjs";
import { ROOT } from "./support/package.mjs";
import { eventually, pause } from "./support/wait.mjs";

const { Inbox } = await import(pathToFileURL(join(ROOT, "publisher-sdk/node/index.mjs")));
const on = browserTests();
const handled = [];
let redis;
let node;
let inbox;
before(async () => {
  redis = await startRedis();
  node = await Node.start({ redis: redis.url });
  inbox = await Inbox.connect(redis.url, "chat", { tries: 1, logger: false });
  inbox.on("send-message", ({ id, user, data }) => { handled.push(data.text); return { id, user, text: data.text }; });
  inbox.on("slow", async ({ data }) => { handled.push(data); await pause(1_500); return "done"; });
  inbox.on("fails", () => { throw new Error("no"); });
  inbox.on("silent", () => {});
  void inbox.run();
});
after(async () => {
  await inbox.close({ timeout: 100 });
  await node.stop();
  await redis.stop();
});

const open = [];
const online = async (options) => {
  const seen = connect(options.url ?? node.url, options);
  open.push(seen.wb);
  await seen.until("online");
  return seen.wb;
};
after(() => open.forEach((wb) => wb.close()));

test("an emit resolves with the reply of the service", async () => {
  const wb = await online({ user: "a" });
  assert.deepEqual(await wb.emit("send-message", { text: "hello" }, { id: "own" }), { id: "own", user: "a", text: "hello" });
  assert.equal(await wb.emit("silent"), null);
  const many = await Promise.all(Array.from({ length: 15 }, (_, nth) => wb.emit("send-message", { text: nth })));
  assert.deepEqual(many.map(({ text }) => text), Array.from({ length: 15 }, (_, nth) => nth));
});

test("a rejected emit has the error code of the node", async () => {
  const wb = await online({ user: "b", claims: { emit: ["send-*", "fails"] } });
  await assert.rejects(wb.emit("other", {}), { name: "WirebellError", code: "not_allowed" });
  await assert.rejects(wb.emit("fails", {}), { code: "service_failed" });
  assert.equal((await wb.emit("send-message", { text: "still" })).text, "still");
});

test("an emit without a connection is sent once connected", async () => {
  const { wb, until } = connect(node.url, { user: "c", connect: false });
  open.push(wb);
  const answer = wb.emit("send-message", { text: "early" });
  await assert.rejects(wb.emit("send-message", {}, { onlineOnly: true }), { code: "offline" });
  wb.connect();
  assert.equal((await answer).text, "early");
  await until("online");
});

test("all queued emits are sent, although the node accepts fewer at once", async () => {
  const { wb } = connect(node.url, { user: "many", connect: false });
  open.push(wb);
  const answers = Promise.all(Array.from({ length: 45 }, (_, nth) => wb.emit("send-message", { text: `many ${nth}` })));
  wb.connect();
  assert.equal((await answers).length, 45);
  const direct = await Promise.allSettled(Array.from({ length: 60 }, () => wb.emit("silent")));
  assert.ok(direct.some(({ reason }) => reason?.code === "rate_limited"), "too many emits at once are rejected");
});

test("a too large emit is rejected, and the others get replies over the next connection", async () => {
  const wb = await online({ user: "d" });
  const slow = wb.emit("slow", "beside a large one");
  await eventually(() => handled.includes("beside a large one"));
  await assert.rejects(wb.emit("send-message", { text: "x".repeat(70_000) }), { code: "data_too_large" });
  assert.equal(await slow, "done");
  assert.equal(handled.filter((text) => text === "beside a large one").length, 1);
});

test("an emit whose node is killed is sent to the next node, and handled once", async () => {
  const clients = `127.0.0.1:${await freePort()}`;
  const first = await Node.start({ redis: redis.url, clients });
  const wb = await online({ url: first.url, user: "e" });
  const answer = wb.emit("slow", "over two nodes");
  await eventually(() => handled.includes("over two nodes"));
  await first.stop();
  const second = await Node.start({ redis: redis.url, clients });
  assert.equal(await answer.catch(({ code }) => code), "done");
  assert.equal(handled.filter((text) => text === "over two nodes").length, 1);
  wb.close();
  await second.stop();
});

test("tabs emit over their shared connection, and each gets its own reply", async () => {
  const context = await on.browser.newContext();
  const pages = [];
  for (const _ of [1, 2, 3]) pages.push(await on.open(context, { entry: "tabs", node: node.url, user: "tabs" }));
  const answers = await Promise.all(pages.map((page, nth) => page.evaluate((nth) => wb.emit("send-message", { text: `from ${nth}` }), nth)));
  assert.deepEqual(answers.map(({ text }) => text), ["from 0", "from 1", "from 2"]);
  const refused = await pages[2].evaluate(() => wb.emit("fails").catch(({ code }) => code));
  assert.equal(refused, "service_failed");
  for (const page of pages) assert.deepEqual(await page.evaluate(() => seen.errors), []);
  await pages[0].close();
  assert.equal((await pages[1].evaluate(() => wb.emit("send-message", { text: "after" }))).text, "after");
  await context.close();
});
