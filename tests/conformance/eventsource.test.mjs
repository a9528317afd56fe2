// What the client of Server-Sent Events expects of a server, by the package that behaves as a browser's; and what it cannot
// show, by fetch.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import { EventSource } from "eventsource";

import { Gateway } from "../e2e/gateway.mjs";
import { pause } from "./inbox.mjs";
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
const listen = (at, options) => {
  const source = new EventSource(at, options);
  sources.push(source);
  return source;
};
const next = (source, type) => new Promise((resolve) => source.addEventListener(type, resolve, { once: true }));
const ask = (query, headers = {}, method = "GET") => fetch(`http://${gateway.clients}/events${query}`, { method, headers });
const publish = (to, data, more) => gateway.publish({ to, type: "tick", data, ...more });

// A way to the gateway that can be cut under the client, as networks do it.
async function breakable() {
  const [host, port] = gateway.clients.split(":");
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => {}).on("close", () => other.destroy());
    }
  });
  server.listen(0, host);
  await once(server, "listening");
  return { at: `${host}:${server.address().port}`, cut: () => sockets.forEach((socket) => socket.destroy()), close: () => server.close() };
}

test("an event has its type, its cursor as id, and itself as data", async () => {
  const source = listen(url("plain"));
  const welcome = JSON.parse((await next(source, "wirebell.welcome")).data);
  assert.equal(welcome.user, "plain");
  const tick = next(source, "tick");
  const { cursor } = await publish("user:plain", { a: 1 });
  const event = await tick;
  assert.equal(event.lastEventId, cursor);
  const { type, data, channel } = JSON.parse(event.data);
  assert.deepEqual([type, data, channel], ["tick", { a: 1 }, "user:plain"]);
});

test("data that was published in several lines arrives whole", async () => {
  const source = listen(url("lines"));
  await next(source, "wirebell.welcome");
  const tick = next(source, "tick");
  await gateway.publish('{"to":"user:lines","type":"tick","data":{\r\n "a":\n\n 1 }}');
  assert.deepEqual(JSON.parse((await tick).data).data, { a: 1 });
});

test("a stream that breaks is come back to by itself, topics and all, without a gap or a repeat", async () => {
  const seen = [];
  const way = await breakable();
  const source = listen(url("returns", { topic: "news" }, { topics: ["news"] }, way.at));
  source.addEventListener("tick", ({ data }) => seen.push(JSON.parse(data)));
  await next(source, "wirebell.reply");
  await publish("user:returns", 0);
  await publish("all", 1);
  for (let tries = 0; seen.length < 2 && tries < 50; tries++) await pause(20);
  const again = next(source, "wirebell.welcome");
  way.cut();
  for (const [to, data] of [["user:returns", 2], ["topic:news", 3], ["all", 4], ["topic:news", 5]]) await publish(to, data);
  await again;
  await publish("topic:news", 6);
  for (let tries = 0; seen.length < 7 && tries < 100; tries++) await pause(50);
  assert.deepEqual(seen.map(({ data }) => data).sort(), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(seen.filter(({ channel }) => channel === "topic:news").map(({ data }) => data), [3, 5, 6]);
  way.close();
});

test("a topic that the token does not permit is refused in the stream", async () => {
  const source = listen(url("outsider", { topic: "secret" }));
  assert.equal(JSON.parse((await next(source, "wirebell.error")).data).code, "not_allowed");
});

test("refusals are HTTP answers with problem documents, on which a client gives up", async () => {
  for (const [query, headers, status, code] of [
    ["", {}, 401, "token_missing"],
    ["?access_token=abc", {}, 401, "token_malformed"],
    [`?access_token=${token("42", { lives: -300 })}`, {}, 401, "token_expired"],
    [`?access_token=${token("42")}`, { origin: "https://evil.example" }, 403, "not_allowed"],
    [`?access_token=${token("42")}&cursor=x`, {}, 400, "bad_cursor"],
    [`?access_token=${token("42")}&topic=a%20b`, {}, 400, "bad_channel"],
    [`?access_token=${token("42")}`, { "last-event-id": "5-0 x" }, 400, "bad_cursor"],
  ]) {
    const response = await ask(query, headers);
    assert.deepEqual([response.status, (await response.json()).code], [status, code], query);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
  }
  const source = listen(`http://${gateway.clients}/events`);
  await next(source, "error");
  assert.equal(source.readyState, EventSource.CLOSED);
});

test("a node that is full says when to come back", async () => {
  const small = await Gateway.start({ "clients.max_connections": "1" });
  const at = `http://${small.clients}/events?access_token=${token("42")}`;
  const held = listen(at);
  await next(held, "wirebell.welcome");
  const response = await fetch(at);
  assert.equal(response.status, 429);
  assert.ok(Number(response.headers.get("retry-after")) > 0);
  // A client that would give up on that is told so in a stream, and gets in once there is room.
  const waits = listen(at);
  assert.equal(JSON.parse((await next(waits, "wirebell.error")).data).code, "too_many");
  held.close();
  await next(waits, "wirebell.welcome");
  waits.close();
  await small.stop();
});

test("a stream says how it is to be treated on its way", async () => {
  const abort = new AbortController();
  const response = await fetch(url("42"), { headers: { origin: SHOP }, signal: abort.signal });
  const header = (name) => response.headers.get(name);
  assert.equal(header("content-type"), "text/event-stream");
  assert.deepEqual([header("cache-control"), header("x-accel-buffering")], ["no-store", "no"]);
  assert.deepEqual([header("access-control-allow-origin"), header("access-control-allow-credentials")], [SHOP, "true"]);
  assert.equal(header("vary"), "Origin");
  abort.abort();
});

test("a preflight is answered for allowed origins only", async () => {
  const preflight = (origin) => ask("/x", { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" }, "OPTIONS");
  const response = await preflight(SHOP);
  assert.equal(response.status, 204);
  assert.match(response.headers.get("access-control-allow-headers"), /authorization/);
  assert.match(response.headers.get("access-control-allow-methods"), /POST/);
  assert.equal((await preflight("https://evil.example")).status, 403);
});

test("a cookie counts for pages of allowed origins, and for no others", async () => {
  const cookie = `other=1; session=${token("42")}`;
  const status = async (headers) => {
    const abort = new AbortController();
    const response = await fetch(`http://${gateway.clients}/events`, { headers: { cookie, ...headers }, signal: abort.signal });
    abort.abort();
    return response.status;
  };
  assert.equal(await status({ origin: SHOP }), 200);
  assert.equal(await status({ origin: `http://${gateway.clients}` }), 403, "the page's own origin has to be allowed, too");
  assert.equal(await status({ "sec-fetch-site": "same-origin" }), 200);
  assert.equal(await status({ "sec-fetch-site": "cross-site" }), 403);
  assert.equal(await status({ origin: "https://evil.example" }), 403);
});

test("a cookie counts for no other page where any origin may connect", async () => {
  const open = await Gateway.start({ "clients.cookie": "session" });
  const response = await fetch(`http://${open.clients}/events`, { headers: { cookie: `session=${token("42")}`, origin: SHOP } });
  assert.deepEqual([response.status, (await response.json()).code], [403, "not_allowed"]);
  await open.stop();
});

test("what a client says is taken from its own user only", async () => {
  const source = listen(url("sayer"));
  const { connection } = JSON.parse((await next(source, "wirebell.welcome")).data);
  const post = async (to, by, body = '{"type":"wirebell.ping","ref":"1"}') =>
    (await fetch(`http://${gateway.clients}/events/${to}`, { method: "POST", headers: { authorization: `Bearer ${token(by)}` }, body })).status;
  const pong = next(source, "wirebell.pong");
  assert.equal(await post(connection, "sayer"), 202);
  assert.equal(JSON.parse((await pong).data).ref, "1");
  assert.equal(await post(connection, "neighbour"), 404);
  assert.equal(await post("nonsense", "sayer"), 400);
  assert.equal(await post(connection.replace(/\..*/, ".fffff"), "sayer"), 404);
  assert.equal(await post(connection, "sayer", "x".repeat(70_000)), 413);
  const error = next(source, "wirebell.error");
  assert.equal(await post(connection, "sayer", "nonsense"), 202);
  assert.equal(JSON.parse((await error).data).code, "bad_frame");
});

test("a quiet stream is kept alive by comments, and by nothing that a client would see", async () => {
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

test("only GET asks for a stream", async () => {
  const response = await ask(`?access_token=${token("42")}`, {}, "HEAD");
  assert.equal(response.status, 405);
});
