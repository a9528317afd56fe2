// Clients emit, a backend without Redis gets it over HTTP, and what it answers comes back.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Backend } from "./backend.mjs";
import { Client } from "./client.mjs";
import { dev, redis } from "./node.mjs";

const SECRET = `whsec_${randomBytes(32).toString("base64")}`;
const OTHER = `whsec_${randomBytes(24).toString("base64")}`;
const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// The same on both buses: over Redis with two nodes, of which either may send.
const BUSES = {
  memory: async (t, webhook, settings) => {
    const node = await dev({ "webhook.secrets": [SECRET, OTHER].join(","), ...settings }, ["--webhook", webhook]);
    t.after(() => node.stop());
    return [node, node];
  },
  redis: async (t, webhook, settings) => {
    const server = await redis();
    t.after(() => server.stop());
    const start = () => dev({ "webhook.secrets": [SECRET, OTHER].join(","), ...settings }, ["--webhook", webhook, "--redis", server.url]);
    const nodes = [await start(), await start()];
    t.after(() => Promise.all(nodes.map((node) => node.stop())));
    return nodes;
  },
};

for (const [bus, start] of Object.entries(BUSES)) {
  test(`${bus}: what a client emits is sent, signed by each secret, and answered`, async (t) => {
    for (const secret of [SECRET, OTHER]) {
      const backend = await Backend.start(secret, (event) => ({ json: { hello: event.user, n: event.data.n } }));
      t.after(() => backend.stop());
      const [one, other] = await start(t, backend.url, {});
      for (const [node, user] of [[one, "42"], [other, "43"]]) {
        const client = await Client.connect(node.clients, user);
        t.after(() => client.close());
        const reply = await client.ask(`{"type":"send-message","data":{"n" : 1.0},"ref":"8","id":"a b.c","traceparent":"${TRACE}"}`);
        assert.deepEqual(reply, { type: "wirebell.reply", ref: "8", data: { hello: user, n: 1 } });
        const { event, body, headers } = backend.requests.at(-1);
        assert.deepEqual(Object.keys(event), ["type", "timestamp", "data", "id", "user", "device", "connection"]);
        assert.deepEqual([event.type, event.id, event.user, event.device], ["send-message", "a b.c", user, "phone"]);
        assert.equal(event.connection, client.welcome.connection);
        assert(Math.abs(Date.parse(event.timestamp) - Date.now()) < 20_000, event.timestamp);
        assert(body.includes('"data":{"n" : 1.0}'), "byte for byte");
        assert.equal(headers.traceparent, TRACE);
        assert.equal(headers["content-type"], "application/json");
      }
      assert.deepEqual(backend.refused, []);
      assert.equal(backend.requests.length, 2);
      assert.notEqual(backend.requests[0].headers["webhook-id"], backend.requests[1].headers["webhook-id"]);
    }
  });

  test(`${bus}: a backend that fails is tried again with the same id, and then no more`, async (t) => {
    const backend = await Backend.start(SECRET, ({ type }, count) => ({ status: type === "hopeless" || count === 1 ? 503 : 200, json: count }));
    t.after(() => backend.stop());
    const [node] = await start(t, backend.url, { "webhook.tries": "2" });
    const client = await Client.connect(node.clients, "42");
    t.after(() => client.close());
    assert.deepEqual(await client.ask({ type: "again", ref: "1" }), { type: "wirebell.reply", ref: "1", data: 2 });
    assert.equal((await client.ask({ type: "hopeless", ref: "2" })).code, "service_failed");
    const ids = (type) => backend.requests.filter(({ event }) => event.type === type).map(({ headers }) => headers["webhook-id"]);
    for (const type of ["again", "hopeless"]) {
      assert.equal(ids(type).length, 2);
      assert.equal(new Set(ids(type)).size, 1);
    }
    const [first, second] = backend.requests;
    assert(second.at - first.at >= 850, `${second.at - first.at} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(ids("hopeless").length, 2);
  });

  test(`${bus}: only what is to be sent is sent, one of a user's after the other, and no JSON is no answer`, async (t) => {
    let busy = 0;
    const backend = await Backend.start(SECRET, async () => {
      busy++;
      // Each node sees to its own only.
      if (bus === "memory") assert.equal(busy, 1, "two of one user's at the same time");
      await new Promise((resolve) => setTimeout(resolve, 20));
      busy--;
      return { text: "thanks" };
    });
    t.after(() => backend.stop());
    const [node] = await start(t, backend.url, { "webhook.types": "chat.*", "inbox.reply_timeout": "1s" });
    const client = await Client.connect(node.clients, "42");
    t.after(() => client.close());
    for (let n = 0; n < 10; n++) client.send({ type: "chat.send", data: n });
    assert.deepEqual(await client.ask({ type: "chat.send", data: 10, ref: "1" }), { type: "wirebell.reply", ref: "1", data: null });
    assert.equal((await client.ask({ type: "other", ref: "2" })).code, "no_reply");
    const seen = backend.requests.map(({ event }) => event.data);
    // Over Redis two nodes share the work, and each has its own order.
    if (bus === "redis") seen.sort((a, b) => a - b);
    assert.deepEqual(seen, [...Array(11).keys()]);
  });
}

test("a wrong secret is refused by the backend, and the event is tried again", async (t) => {
  const backend = await Backend.start(SECRET, () => undefined);
  t.after(() => backend.stop());
  const node = await dev({ "webhook.secrets": OTHER, "webhook.tries": "1" }, ["--webhook", backend.url]);
  t.after(() => node.stop());
  const client = await Client.connect(node.clients, "42");
  t.after(() => client.close());
  assert.equal((await client.ask({ type: "t", ref: "1" })).code, "service_failed");
  assert.deepEqual([backend.requests.length, backend.refused.length], [0, 1]);
});
