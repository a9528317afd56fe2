// The server API: rejections by the node, responses of other servers, and a server that is down.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { Gateway, KEY } from "./support/gateway.mjs";
import { part, sdk } from "./support/package.mjs";
import { Redis } from "./support/redis.mjs";

const { InvalidEventError, Publisher, RefusedError } = sdk;
const { readEvent } = await part("protocol/read.js");
const numbered = (data, more = {}) => ({ to: "user:1", type: "number", data, ...more });
const range = (from, to) => Array.from({ length: to - from }, (_, at) => from + at);
let redis, gateway;

before(async () => {
  redis = await Redis.start();
  gateway = await Gateway.start(redis, { "services.max_data_bytes": "2000", "services.max_batch": "50" });
});
after(async () => {
  await gateway?.stop();
  await redis.stop();
});

const open = (options = {}) => Publisher.connect(gateway.url, { serviceKey: KEY, logger: false, ...options });

test("a rejection by the node has the same error as one by the SDK", async () => {
  const wb = await open();
  await assert.rejects(wb.publish(numbered("x".repeat(2_000))), (error) => error instanceof InvalidEventError && error.code === "too_large" && error.attribute === "data");
  const answers = await wb.publishAll([numbered(1), numbered("x".repeat(2_000)), numbered(2), numbered(1n), numbered(3)]);
  assert.deepEqual(answers.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual([answers[1].reason.code, answers[3].reason.code], ["too_large", "invalid_event"]);
  assert.deepEqual(await redis.data("user:1"), [1, 2, 3]);
  assert.ok(!inspect(wb, { depth: 9, showHidden: true }).includes(KEY));
  await wb.close();

  for (const serviceKey of ["wrong", undefined]) {
    const stranger = await open({ serviceKey });
    await assert.rejects(stranger.publish(numbered(1)), (error) => error instanceof RefusedError && error.code === "unauthorized" && error.status === 401);
    await assert.rejects(stranger.receipts("x"), { code: "unauthorized" });
    await stranger.close();
  }
});

test("many events are split into requests in order, also if the node accepts fewer per request", async () => {
  await redis.ask("FLUSHALL");
  const wb = await open();
  const answers = await wb.publishAll(range(0, 700).map((data) => numbered(data, { source: "x".repeat(200) })));
  assert.ok(answers.every(({ status }) => status === "fulfilled"));
  assert.deepEqual(answers.map(({ value }) => value.cursor), (await redis.log("user:1")).map(({ cursor }) => cursor));
  assert.deepEqual(await redis.data("user:1"), range(0, 700));
  await wb.close();
});

test("the node and the SDK reject the same events for the same reason, and accept the same", async () => {
  const whole = { to: "user:1", type: "t", data: 1 };
  const times = ["2026-11-21T10:00:00Z", "2026-11-21t10:00:00z", "2026-11-21T10:00:00.123456789+23:59", "2026-11-21T10:00:00-00:00", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T10:60:00Z", "2026-11-21T10:00:60Z", "2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00", "2026-11-21T10:00:00+24:00", "2026-11-21 10:00:00Z", "2026-11-21T10:00Z", "2026-11-21T10:00:00", "2026-11-21T10:00:00.Z", "20261121T100000Z", "+2026-11-21T10:00:00Z", "2026-13-01T10:00:00Z", "2026-00-01T10:00:00Z", "2026-04-31T10:00:00Z", ""];
  const objects = [
    ...times.map((time) => ({ time })),
    ...["user:münchen", "user:a\u00a0b", "user:a\u2028b", "user:\u0085", "user:a\u200bb", "user:\ufeff", "user:\u{1f600}", "topic:", "all ", "all:x", "conn:k3j9x2ma.1f", "conn:k3j9x2ma.ffffffffffffffff", "conn:k3j9x2ma.10000000000000000", "conn:k3j9x2ma.", `user:${"é".repeat(126)}`, `user:${"é".repeat(125)}x`].map((to) => ({ to })),
    ...["\u0000", "a\u007f", "a\u0080", "a\u2028", " ", "é".repeat(128), "é".repeat(129), "wirebell.x", "wirebell"].map((type) => ({ type })),
    ...[0, 1, -1, 1.5, 31_622_400, 31_622_401, "1", null].map((ttl) => ({ ttl })),
    ...[604_800, 604_801, true].map((deadline) => ({ deadline })),
    ...["durable", "retained", "volatile", "Durable", "", null].map((kept) => ({ class: kept, key: "k" })),
    ...["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", ""].map((traceparent) => ({ traceparent })),
    { to: [] }, { to: ["user:1", "user:1"] }, { to: [7] }, { to: {} }, { to: null }, { data: null }, { data: undefined }, { receipt: null }, { receipt: 0 }, { class: "retained", to: "conn:k3j9x2ma.1f" }, { class: "volatile", durability: "replicated" }, { colour: "red" }, { deliverAt: "x" },
  ].map((more) => JSON.stringify({ ...whole, ...more }));
  const texts = ['{"to":"all","to":"all","type":"t","data":1}', '{"to":"all","type":"t","data":1,"ttl":1.0}', '{"to":"all","type":"t","data":1,"ttl":1e1}', '{"to":"all","type":"t","data":1,"ttl":-0}', '{"to":"all","type":"t","data":"\\ud800"}', '{"to":"all","type":"t","data":[1,2,{"a":"}]"}]}', '"x"', "[7]"];
  const differing = [];
  for (const json of [...objects, ...texts]) {
    const mine = (() => {
      try {
        return void readEvent(json, 2_000);
      } catch (error) {
        return `${error.code} ${error.attribute === "deliverAt" ? "deliver_at" : error.attribute}`;
      }
    })();
    const answer = await fetch(`${gateway.url}/v1/events`, { method: "POST", headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" }, body: json });
    const body = await answer.json();
    const theirs = answer.status === 202 ? undefined : Array.isArray(body) ? `${body[0].code} ${body[0].attribute}` : `${body.code} ${body.attribute}`;
    if (mine !== theirs) differing.push([json, mine, theirs]);
  }
  // A JSON list is valid for the server API, but is not one event for the SDK.
  assert.deepEqual(differing.filter(([json]) => !json.startsWith("[")), []);
});

test("a server that is no node and a server that is down have different errors", async (t) => {
  const answers = new Map([
    ["/html", (response) => response.end("<html>")],
    ["/empty", (response) => response.writeHead(202).end("{}")],
    ["/redirect", (response) => response.writeHead(302, { location: gateway.url }).end()],
    ["/missing", (response) => response.writeHead(404).end("<html>")],
    ["/busy", (response) => response.writeHead(503, { "retry-after": "1", "content-type": "application/problem+json" }).end('{"code":"unavailable","detail":"the bus is down"}')],
    ["/slow", () => {}],
    ["/long", (response) => response.writeHead(202).end("x".repeat(5 * 1024 * 1024))],
  ]);
  const requested = [];
  const server = createServer((request, response) => {
    requested.push(request.url);
    request.resume().on("end", () => answers.get(request.url.replace("/v1/events", ""))(response));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  t.after(stop);
  const url = `http://127.0.0.1:${server.address().port}`;
  const errorOf = async (path, options = {}) => {
    const wb = new Publisher(url + path, { timeout: 700, logger: false, ...options });
    const error = await wb.publish(numbered(1)).catch((error) => error);
    await wb.close();
    return error;
  };
  assert.equal((await errorOf("/html")).code, "not_wirebell");
  assert.equal((await errorOf("/empty")).code, "not_wirebell");
  assert.deepEqual([(await errorOf("/redirect")).code, (await errorOf("/missing")).code], ["http_302", "http_404"]);
  assert.equal((await errorOf("/long")).code, "unavailable");
  const busy = await errorOf("/busy");
  assert.equal(busy.code, "unavailable");
  assert.ok(busy.message.includes("the bus is down"), busy.message);
  assert.equal(requested.filter((path) => path.startsWith("/busy")).length, 1, "Retry-After is longer than the timeout");
  assert.deepEqual([(await errorOf("/slow", { answerTimeout: 200 })).code, (await errorOf("/slow/", { answerTimeout: 200 })).code], ["timed_out", "timed_out"]);
  stop();
  const down = await errorOf("/html");
  assert.equal(down.code, "unavailable");
  assert.ok(down.message.includes("ECONNREFUSED"), down.message);
});

test("enqueued events wait until the node is back", async () => {
  await redis.ask("FLUSHALL");
  const port = Number(new URL(gateway.url).port);
  const wb = await open();
  range(0, 300).forEach((data) => wb.enqueue(numbered(data)));
  await gateway.stop();
  range(300, 600).forEach((data) => wb.enqueue(numbered(data)));
  gateway = await Gateway.start(redis, { "services.listen": `127.0.0.1:${port}` });
  assert.deepEqual(await wb.close({ timeout: 20_000 }), { ended: "done", waiting: 0 });
  assert.deepEqual(await redis.data("user:1"), range(0, 600));
});
