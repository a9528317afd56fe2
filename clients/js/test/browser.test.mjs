// The client in a page: reloads, network loss, a device that slept, a killed node.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { events, got, browserTests, state, status } from "./support/browser.mjs";
import { Node, freePort, startRedis } from "./support/node.mjs";
import { eventually, pause } from "./support/wait.mjs";

const on = browserTests();
let node;
before(async () => { node = await Node.start(); });
after(() => node.stop());

test("a reloaded page gets the events it missed, and no event twice", async () => {
  const context = await on.browser.newContext();
  const page = await on.open(context, { node: node.url, user: "reload" });
  await node.publish("user:reload", "n", 0);
  await got(page, 1);
  await page.goto("about:blank");
  await node.publish("user:reload", "n", 1);
  await node.publish("user:reload", "n", 2);
  await page.goBack();
  await state(page, "online");
  await got(page, 2);
  await pause(200);
  assert.deepEqual(await events(page), [1, 2]);
  const kept = await page.evaluate(() => Object.entries(sessionStorage));
  assert.deepEqual(kept.map(([key, value]) => [key, Object.keys(JSON.parse(value))]), [[`wirebell:${node.url}:reload`, ["user:reload"]]]);
  await context.close();
});

test("the status is offline without a network, and the client reconnects with it", async () => {
  const context = await on.browser.newContext();
  const page = await on.open(context, { node: node.url, user: "offline" });
  await context.setOffline(true);
  await state(page, "offline", 10_000);
  await node.publish("user:offline", "n", 1);
  await context.setOffline(false);
  await state(page, "online", 5_000);
  await got(page, 1);
  assert.deepEqual(await events(page), [1]);
  await context.close();
});

test("a page that slept detects its dead connection when it becomes visible", async () => {
  const mine = await Node.start();
  const context = await on.browser.newContext();
  const page = await on.open(context, { node: mine.url, user: "slept" });
  mine.signal("SIGSTOP");
  await pause(100);
  await page.evaluate(() => { document.dispatchEvent(new Event("visibilitychange")); });
  await eventually(() => status(page), (now) => now.state !== "online", 5_000);
  mine.signal("SIGCONT");
  await state(page, "online", 15_000);
  await context.close();
  await mine.stop();
});

test("no event is lost or repeated when a node is killed and another takes over", async () => {
  const redis = await startRedis();
  const clients = `127.0.0.1:${await freePort()}`;
  const [first, other] = [await Node.start({ redis: redis.url, clients }), await Node.start({ redis: redis.url })];
  const context = await on.browser.newContext();
  const page = await on.open(context, { node: first.url, user: "taken" });
  await other.publish("user:taken", "n", 0);
  await got(page, 1);
  await first.stop();
  await other.publish("user:taken", "n", 1);
  const second = await Node.start({ redis: redis.url, clients });
  await other.publish("user:taken", "n", 2);
  await got(page, 3, 15_000);
  assert.deepEqual(await events(page), [0, 1, 2]);
  await context.close();
  await Promise.all([second.stop(), other.stop()]);
  await redis.stop();
});
