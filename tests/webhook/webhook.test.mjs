// A backend without Redis gets clients' events over HTTP, and clients get its responses as replies.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Backend } from "./backend.mjs";
import { Client } from "./client.mjs";
import { dev, redis } from "./node.mjs";

const SECRET = `whsec_${randomBytes(32).toString("base64")}`;
const OTHER = `whsec_${randomBytes(24).toString("base64")}`;
const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// The tests run on both buses. With Redis there are two nodes, and either may call the backend.
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
  test(`${bus}: a client's event is sent with a signature of each secret, and the response is the reply`, async (t) => {
    for (const secret of [SECRET, OTHER]) {
      const backend = await Backend.start(secret, (event) => ({ json: { hello: event.user, n: event.data.n } }));
      t.after(() => backend.stop());
      const [one, other] = await start(t, backend.url, {});
      for (const [node, user] of [[one, "42"], [other, "43"]]) {
        const client = await Client.connect(node.clients, user);
        t.after(() => client.close());
        const reply = await client.request(`{"type":"send-message","data":{"n" : 1.0},"ref":"8","id":"a b.c","traceparent":"${TRACE}"}`);
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
      assert.deepEqual(backend.rejected, []);
      assert.equal(backend.requests.length, 2);
      assert.notEqual(backend.requests[0].headers["webhook-id"], backend.requests[1].headers["webhook-id"]);
    }
  });

  test(`${bus}: a failed request is retried with the same id, up to webhook.tries`, async (t) => {
    const backend = await Backend.start(SECRET, ({ type }, count) => ({ status: type === "hopeless" || count === 1 ? 503 : 200, json: count }));
    t.after(() => backend.stop());
    const [node] = await start(t, backend.url, { "webhook.tries": "2" });
    const client = await Client.connect(node.clients, "42");
    t.after(() => client.close());
    assert.deepEqual(await client.request({ type: "again", ref: "1" }), { type: "wirebell.reply", ref: "1", data: 2 });
    assert.equal((await client.request({ type: "hopeless", ref: "2" })).code, "service_failed");
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

  test(`${bus}: only matching types are sent, one at a time per user, and a response that is not JSON is a reply without data`, async (t) => {
    let busy = 0;
    const backend = await Backend.start(SECRET, async () => {
      busy++;
      // The order holds within one node.
      if (bus === "memory") assert.equal(busy, 1, "two requests for one user at the same time");
      await new Promise((resolve) => setTimeout(resolve, 20));
      busy--;
      return { text: "thanks" };
    });
    t.after(() => backend.stop());
    const [node] = await start(t, backend.url, { "webhook.types": "chat.*", "inbox.reply_timeout": "1s" });
    const client = await Client.connect(node.clients, "42");
    t.after(() => client.close());
    for (let n = 0; n < 10; n++) client.send({ type: "chat.send", data: n });
    assert.deepEqual(await client.request({ type: "chat.send", data: 10, ref: "1" }), { type: "wirebell.reply", ref: "1", data: null });
    assert.equal((await client.request({ type: "other", ref: "2" })).code, "no_reply");
    const seen = backend.requests.map(({ event }) => event.data);
    // With Redis two nodes share the events, and each has its own order.
    if (bus === "redis") seen.sort((a, b) => a - b);
    assert.deepEqual(seen, [...Array(11).keys()]);
  });
}

test("an event whose signature the backend rejects fails", async (t) => {
  const backend = await Backend.start(SECRET, () => undefined);
  t.after(() => backend.stop());
  const node = await dev({ "webhook.secrets": OTHER, "webhook.tries": "1" }, ["--webhook", backend.url]);
  t.after(() => node.stop());
  const client = await Client.connect(node.clients, "42");
  t.after(() => client.close());
  assert.equal((await client.request({ type: "t", ref: "1" })).code, "service_failed");
  assert.deepEqual([backend.requests.length, backend.rejected.length], [0, 1]);
});
