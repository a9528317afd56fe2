// What an EventSource expects of a server, tested with a package that follows the browsers'
// EventSource. What an EventSource cannot show is tested with fetch.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import { EventSource } from "eventsource";

import { Gateway } from "../e2e/gateway.mjs";
import { pause } from "./frame-queue.mjs";
import { token } from "./token.mjs";

const SHOP = "https://shop.example";
let gateway;
const sources = [];
before(async () => { gateway = await Gateway.start({ "clients.allowed_origins": SHOP, "clients.cookie": "session", "clients.heartbeat": "1s" }); });
after(async () => {
  sources.forEach((source) => source.close());
  await gateway?.stop();
});

const url = (user, query = {}, claims = {}, at = gateway.clients) => `http://${at}/events?${new URLSearchParams({ access_token: token(user, claims), ...query })}`;
const openStream = (at, options) => {
  const source = new EventSource(at, options);
  sources.push(source);
  return source;
};
const next = (source, type) => new Promise((resolve) => source.addEventListener(type, resolve, { once: true }));
const request = (query, headers = {}, method = "GET") => fetch(`http://${gateway.clients}/events${query}`, { method, headers });
const publish = (to, data, more) => gateway.publish({ to, type: "tick", data, ...more });

// Starts a TCP proxy to the gateway whose connections can be cut, as a network failure does.
async function startProxy() {
  const [host, port] = gateway.clients.split(":");
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => {}).on("close", () => other.destroy());
    }
  });
  server.listen(0, host);
  await once(server, "listening");
  return { at: `${host}:${server.address().port}`, cut: () => sockets.forEach((socket) => socket.destroy()), close: () => server.close() };
}

test("an SSE event has the event's type, its cursor as id, and its frame as data", async () => {
  const source = openStream(url("plain"));
  const welcome = JSON.parse((await next(source, "wirebell.welcome")).data);
  assert.equal(welcome.user, "plain");
  const tick = next(source, "tick");
  const { cursor } = await publish("user:plain", { a: 1 });
  const event = await tick;
  assert.equal(event.lastEventId, cursor);
  const { type, data, channel } = JSON.parse(event.data);
  assert.deepEqual([type, data, channel], ["tick", { a: 1 }, "user:plain"]);
});

test("data published on several lines arrives complete", async () => {
  const source = openStream(url("lines"));
  await next(source, "wirebell.welcome");
  const tick = next(source, "tick");
  await gateway.publish('{"to":"user:lines","type":"tick","data":{\r\n "a":\n\n 1 }}');
  assert.deepEqual(JSON.parse((await tick).data).data, { a: 1 });
});

test("a broken stream is reopened with its topics, without gaps or duplicates", async () => {
  const seen = [];
  const proxy = await startProxy();
  const source = openStream(url("returns", { topic: "news" }, { topics: ["news"] }, proxy.at));
  source.addEventListener("tick", ({ data }) => seen.push(JSON.parse(data)));
  await next(source, "wirebell.reply");
  await publish("user:returns", 0);
  await publish("all", 1);
  for (let attempts = 0; seen.length < 2 && attempts < 50; attempts++) await pause(20);
  const again = next(source, "wirebell.welcome");
  proxy.cut();
  for (const [to, data] of [["user:returns", 2], ["topic:news", 3], ["all", 4], ["topic:news", 5]]) await publish(to, data);
  await again;
  await publish("topic:news", 6);
  for (let attempts = 0; seen.length < 7 && attempts < 100; attempts++) await pause(50);
  assert.deepEqual(seen.map(({ data }) => data).sort(), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(seen.filter(({ channel }) => channel === "topic:news").map(({ data }) => data), [3, 5, 6]);
  proxy.close();
});

test("a topic that the token does not permit is rejected in the stream", async () => {
  const source = openStream(url("outsider", { topic: "secret" }));
  assert.equal(JSON.parse((await next(source, "wirebell.error")).data).code, "not_allowed");
});

test("a rejection is an HTTP response with a problem document, after which an EventSource does not retry", async () => {
  for (const [query, headers, status, code] of [
    ["", {}, 401, "token_missing"],
    ["?access_token=abc", {}, 401, "token_malformed"],
    [`?access_token=${token("42", { lifetime: -300 })}`, {}, 401, "token_expired"],
    [`?access_token=${token("42")}`, { origin: "https://evil.example" }, 403, "not_allowed"],
    [`?access_token=${token("42")}&cursor=x`, {}, 400, "bad_cursor"],
    [`?access_token=${token("42")}&topic=a%20b`, {}, 400, "bad_channel"],
    [`?access_token=${token("42")}`, { "last-event-id": "5-0 x" }, 400, "bad_cursor"],
  ]) {
    const response = await request(query, headers);
    assert.deepEqual([response.status, (await response.json()).code], [status, code], query);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
  }
  const source = openStream(`http://${gateway.clients}/events`);
  await next(source, "error");
  assert.equal(source.readyState, EventSource.CLOSED);
});

test("a full node says when to retry", async () => {
  const small = await Gateway.start({ "clients.max_connections": "1" });
  const at = `http://${small.clients}/events?access_token=${token("42")}`;
  const first = openStream(at);
  await next(first, "wirebell.welcome");
  const response = await fetch(at);
  assert.equal(response.status, 429);
  assert.ok(Number(response.headers.get("retry-after")) > 0);
  // An EventSource does not retry after a 429, so it gets the error in a stream and connects once there is room.
  const second = openStream(at);
  assert.equal(JSON.parse((await next(second, "wirebell.error")).data).code, "too_many");
  first.close();
  await next(second, "wirebell.welcome");
  second.close();
  await small.stop();
});

test("a stream's headers forbid caching and buffering", async () => {
  const abort = new AbortController();
  const response = await fetch(url("42"), { headers: { origin: SHOP }, signal: abort.signal });
  const header = (name) => response.headers.get(name);
  assert.equal(header("content-type"), "text/event-stream");
  assert.deepEqual([header("cache-control"), header("x-accel-buffering")], ["no-store", "no"]);
  assert.deepEqual([header("access-control-allow-origin"), header("access-control-allow-credentials")], [SHOP, "true"]);
  assert.equal(header("vary"), "Origin");
  abort.abort();
});

test("a preflight succeeds for allowed origins only", async () => {
  const preflight = (origin) => request("/x", { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" }, "OPTIONS");
  const response = await preflight(SHOP);
  assert.equal(response.status, 204);
  assert.match(response.headers.get("access-control-allow-headers"), /authorization/);
  assert.match(response.headers.get("access-control-allow-methods"), /POST/);
  assert.equal((await preflight("https://evil.example")).status, 403);
});

test("a cookie is accepted from pages of allowed origins only", async () => {
  const cookie = `other=1; session=${token("42")}`;
  const status = async (headers) => {
    const abort = new AbortController();
    const response = await fetch(`http://${gateway.clients}/events`, { headers: { cookie, ...headers }, signal: abort.signal });
    abort.abort();
    return response.status;
  };
  assert.equal(await status({ origin: SHOP }), 200);
  assert.equal(await status({ origin: `http://${gateway.clients}` }), 403, "the gateway's own origin must be allowed, too");
  assert.equal(await status({ "sec-fetch-site": "same-origin" }), 200);
  assert.equal(await status({ "sec-fetch-site": "cross-site" }), 403);
  assert.equal(await status({ origin: "https://evil.example" }), 403);
});

test("without allowed origins no cookie is accepted from another origin", async () => {
  const open = await Gateway.start({ "clients.cookie": "session" });
  const response = await fetch(`http://${open.clients}/events`, { headers: { cookie: `session=${token("42")}`, origin: SHOP } });
  assert.deepEqual([response.status, (await response.json()).code], [403, "not_allowed"]);
  await open.stop();
});

test("a client frame is accepted from the stream's own user only", async () => {
  const source = openStream(url("owner"));
  const { connection } = JSON.parse((await next(source, "wirebell.welcome")).data);
  const post = async (to, by, body = '{"type":"wirebell.ping","ref":"1"}') =>
    (await fetch(`http://${gateway.clients}/events/${to}`, { method: "POST", headers: { authorization: `Bearer ${token(by)}` }, body })).status;
  const pong = next(source, "wirebell.pong");
  assert.equal(await post(connection, "owner"), 202);
  assert.equal(JSON.parse((await pong).data).ref, "1");
  assert.equal(await post(connection, "other"), 404);
  assert.equal(await post("nonsense", "owner"), 400);
  assert.equal(await post(connection.replace(/\..*/, ".fffff"), "owner"), 404);
  assert.equal(await post(connection, "owner", "x".repeat(70_000)), 413);
  const error = next(source, "wirebell.error");
  assert.equal(await post(connection, "owner", "nonsense"), 202);
  assert.equal(JSON.parse((await error).data).code, "bad_frame");
});

test("an idle stream is kept alive by comments, which a client does not see", async () => {
  const [host, port] = gateway.clients.split(":");
  const socket = connect(Number(port), host);
  let text = "";
  socket.on("data", (bytes) => (text += bytes));
  socket.write(`GET /events?access_token=${token("quiet")} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await pause(3_500);
  const [, body] = text.split(/\r\n\r\n(.*)/s);
  assert.match(body, /^retry: \d+\n\nevent: wirebell.welcome\nid: [\d-]+\ndata: .*\n\n(:\n\n){2,}$/);
  socket.end();
  await once(socket, "close");
});

test("only GET opens a stream", async () => {
  const response = await request(`?access_token=${token("42")}`, {}, "HEAD");
  assert.equal(response.status, 405);
});
