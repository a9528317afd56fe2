// Server-Sent Events, the fallback for blocked WebSockets.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { events, got, browserTests, state, status } from "./support/browser.mjs";
import { connect, memory } from "./support/client.mjs";
import { Node, freePort, token } from "./support/node.mjs";
import { eventually, pause } from "./support/wait.mjs";

const on = browserTests();
let node;
// The heartbeat is longer than the pauses of a busy machine: the node closes clients that are
// silent for longer.
before(async () => { node = await Node.start({ settings: { "auth.leeway": "0s", "clients.heartbeat": "3s" } }); });
after(() => node.stop());

const open = [];
const online = async (options = {}) => {
  const seen = connect(options.url ?? node.url, { WebSocket: null, fetch, ...options });
  open.push(seen.wb);
  await seen.until("online");
  return seen;
};
after(() => open.forEach((wb) => wb.close()));

// Behaves like a proxy that does not support upgrades.
class Blocked extends WebSocket {
  constructor(_url, protocols) {
    super("ws://127.0.0.1:1/", protocols);
  }
}

describe("a client in Node.js", { concurrency: 4 }, () => {
  test("the client changes to Server-Sent Events after two failures of the WebSocket", async () => {
    const seen = await online({ user: "blocked", WebSocket: Blocked });
    assert.equal(seen.wb.status.transport, "sse");
    await node.publish("user:blocked", "n", 1);
    await seen.got(1);
  });

  test("events of the user and of topics are received, and handled ones acknowledged", async () => {
    const seen = await online({ user: "a", claims: { device: "office" } });
    seen.wb.subscribe("topic:news");
    await pause(300);
    await node.publish("topic:news", "headline", "b\r\nc");
    const { id } = await node.publish("user:a", "tracked", { text: "1\n2" }, { receipt: true });
    const { state, acknowledged } = await node.receipt(id);
    assert.deepEqual([state, acknowledged[0].device], ["acknowledged", "office"]);
    assert.deepEqual(seen.data(), ["b\r\nc", { text: "1\n2" }]);
    assert.deepEqual(seen.errors, []);
  });

  test("missed events are received after a reconnect and after a reload", async () => {
    const storage = memory();
    const first = await online({ user: "away", storage });
    first.wb.close();
    await node.publish("user:away", "n", 1);
    const second = await online({ user: "away", storage });
    await second.got(1);
    second.wb.close();
    await node.publish("user:away", "n", 2);
    const third = await online({ user: "away", storage });
    await third.got(1);
    assert.deepEqual([first.data(), second.data(), third.data()], [[], [1], [2]]);
  });

  test("a token is renewed on the live stream", async () => {
    const seen = await online({ token: () => token("renew", { lifetime: 6 }) });
    const { connection } = seen.wb.status;
    await pause(7_500);
    assert.equal(seen.wb.status.connection, connection);
    assert.deepEqual(seen.errors, []);
  });

  test("a new token is requested after a bad one, and the client stops without a token", async () => {
    let calls = 0;
    const seen = await online({ token: () => ((calls += 1) < 2 ? token("bad", { lifetime: -10 }) : token("bad")) });
    assert.equal(calls, 2);
    const out = connect(node.url, { WebSocket: null, fetch, token: () => null });
    assert.equal((await out.until("closed")).reason, "no_token");
    seen.wb.close();
  });

  test("a silent stream is replaced, and the client reconnects to a restarted node", async () => {
    const clients = `127.0.0.1:${await freePort()}`;
    const frozen = await Node.start({ settings: { "clients.heartbeat": "1s" }, clients });
    const seen = await online({ url: frozen.url, user: "frozen" });
    await pause(2_500);
    assert.deepEqual(seen.states.filter((state) => state !== "connecting"), ["online"], "heartbeats keep a quiet stream alive");
    frozen.signal("SIGSTOP");
    await eventually(() => seen.wb.status.state, (state) => state !== "online");
    frozen.signal("SIGCONT");
    await seen.until("online");
    await frozen.stop();
    const next = await Node.start({ clients });
    await seen.until("online");
    seen.wb.close();
    await next.stop();
  });
});

test("a browser with blocked WebSockets uses Server-Sent Events, also for tabs", async () => {
  const context = await on.browser.newContext();
  await context.addInitScript(() => {
    const Real = WebSocket;
    globalThis.WebSocket = class extends Real { constructor(_url, protocols) { super("ws://127.0.0.1:1/", protocols); } };
  });
  const pages = [await on.open(context, { entry: "index", node: node.url, user: "page" }), await on.open(context, { entry: "tabs", node: node.url, user: "page" })];
  for (const page of pages) assert.equal((await status(page)).transport, "sse");
  await node.publish("user:page", "n", 1);
  for (const page of pages) await got(page, 1);
  const { id } = await node.publish("user:page", "tracked", 2, { receipt: true });
  assert.equal((await node.receipt(id)).state, "acknowledged");
  await pages[0].reload();
  await state(pages[0], "online");
  await node.publish("user:page", "n", 3);
  await got(pages[0], 1);
  assert.deepEqual([await events(pages[0]), await events(pages[1])], [[3], [1, 2, 3]]);
  await context.close();
});
