// Inbox workers. The script of the node adds the events to the inbox, and the test subscribes to
// the node's channel to receive the replies.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { deadOf, emit, nodeAt, streamOf } from "./support/inbox.mjs";
import { sdk } from "./support/package.mjs";
import { Cluster, Redis, Sentinels, asObject, eventually } from "./support/redis.mjs";

const { Inbox, InvalidReplyError, RawJson } = sdk;
const quick = { backoff: 20, longestBackoff: 100, logger: false };
const range = (to) => Array.from({ length: to }, (_, at) => at);
let redis, node;
const ask = (_, ...words) => redis.ask(...words);

before(async () => { redis = await Redis.start(); node = await nodeAt(redis.port); });
beforeEach(async () => { await redis.ask("FLUSHALL"); node.received.length = 0; });
after(async () => { node.close(); await redis.stop(); });

const closing = (t, inbox) => (t.after(() => inbox.close({ timeout: 0 })), inbox);

test("a handler gets the client's event, and the client gets the handler's reply", async (t) => {
  const seen = [];
  const inbox = closing(t, await Inbox.connect(redis.url, "chat", quick));
  inbox.on("send-message", (event) => { seen.push(event); return { text: event.data.text.toUpperCase() }; }).on("typing", () => {});
  const running = inbox.run();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await emit(ask, { user: "42", json: '{"text" : "é"}', id: "m 1", ref: 'a "b"\n', device: "phone", traceparent });
  await emit(ask, { user: "42", type: "typing", ref: "2" });
  await emit(ask, { user: "42", type: "typing" });
  await emit(ask, { user: "42", type: "of another service", ref: "3" });
  await eventually("all events are done", () => inbox.counters().done === 4);
  const [{ at, ...event }] = seen;
  assert.deepEqual(event, { id: "m 1", type: "send-message", user: "42", connection: "k3j9x2ma.1f", device: "phone", data: { text: "é" }, json: '{"text" : "é"}', traceparent, tries: 1 });
  assert.ok(Math.abs(at - Date.now()) < 60_000);
  await eventually("both replies are sent", () => node.received.length === 2);
  assert.ok(node.received.includes('reply k3j9x2ma.1f "a \\"b\\"\\n"\n{"type":"wirebell.reply","ref":"a \\"b\\"\\n","data":{"text":"É"}}'), String(node.received));
  assert.ok(node.received.includes('reply k3j9x2ma.1f "2"\n{"type":"wirebell.reply","ref":"2","data":null}'));
  assert.deepEqual(await inbox.backlog(), { lag: 0, pending: 0, dead: 0 });
  await inbox.close();
  await running;
  assert.deepEqual(await redis.ask("XINFO", "CONSUMERS", streamOf("42"), "chat"), [], "closed workers leave the group");
});

test("a presence event has no connection", async (t) => {
  await redis.ask("XADD", streamOf("42"), "*", "id", "42/1", "type", "user.online", "user", "42", "at", "7", "data", "{}");
  const inbox = closing(t, await Inbox.connect(redis.url, "presence", quick));
  const claim = await inbox.next();
  const { type, user, connection, data } = claim.event;
  assert.deepEqual([type, user, connection, data], ["user.online", "42", undefined, {}]);
  await claim.done({ no: "receiver" });
  await sleep(200);
  assert.deepEqual(node.received, []);
});

async function twoWorkersShareAll(t, ask, url) {
  for (const number of range(40)) await emit(ask, { user: `u${number}`, data: number });
  const seen = new Map();
  const workers = await Promise.all([1, 2].map(() => Inbox.connect(url, "chat", { ...quick, atOnce: 4 })));
  const running = workers.map((worker) => closing(t, worker).on("send-message", async ({ user, data }) => {
    assert.equal(`u${data}`, user);
    seen.set(user, (seen.get(user) ?? 0) + 1);
    await sleep(5);
  }).run());
  for (const number of range(40)) await emit(ask, { user: `u${number + 40}`, data: number + 40 });
  await eventually("all events are done", () => workers.reduce((sum, worker) => sum + worker.counters().done, 0) === 80);
  assert.deepEqual([seen.size, new Set(seen.values())], [80, new Set([1])]);
  assert.deepEqual(await workers[0].backlog(), { lag: 0, pending: 0, dead: 0 });
  for (const worker of workers) assert.equal(await worker.close(), 0);
  await Promise.all(running);
}

test("workers of a service share its events, and every service gets all events", async (t) => {
  await twoWorkersShareAll(t, ask, redis.url);
  const other = closing(t, await Inbox.connect(redis.url, "another", quick));
  let count = 0;
  for await (const claim of other) {
    await claim.passOver();
    if ((count += 1) === 80) break;
  }
});

test("in a Cluster, replies reach the node of the connection", async (t) => {
  const cluster = await Cluster.start();
  t.after(() => cluster.stop());
  const ask = (key, ...words) => cluster.ask(key, ...words);
  await twoWorkersShareAll(t, ask, cluster.url);
  const listening = await nodeAt((await cluster.owner("{node:k3j9x2ma}")).port);
  t.after(() => listening.close());
  const inbox = closing(t, await Inbox.connect(cluster.url, "echo", quick));
  inbox.on("ask", ({ data }) => data);
  const running = inbox.run();
  for (const number of range(9)) await emit(ask, { user: `u${number}`, type: "ask", data: number, ref: String(number) });
  await eventually("all replies are sent", () => listening.received.length === 9);
  assert.deepEqual(new Set(listening.frames().map(({ ref, data }) => `${ref} ${data}`)), new Set(range(9).map((number) => `${number} ${number}`)));
  await inbox.close();
  await running;
});

test("with Sentinels, events are handled before and after a failover", async (t) => {
  const pair = await Sentinels.start();
  t.after(() => pair.stop());
  const primary = async () => (await pair.primary()).ask.bind(await pair.primary());
  const inbox = closing(t, await Inbox.connect(pair.url, "chat", quick));
  const seen = [];
  inbox.on("send-message", ({ data }) => void seen.push(data));
  const running = inbox.run();
  let ask = await primary();
  await emit((_, ...words) => ask(...words), { user: "42", data: 1 });
  await eventually("the event is handled", () => seen.includes(1));
  const old = await pair.primary();
  await pair.sentinels[0].ask("SENTINEL", "FAILOVER", "wirebell");
  await eventually("the Sentinels name another primary", async () => (await pair.primary()) !== old, 30_000);
  ask = await primary();
  await eventually("the new primary accepts events", () => emit((_, ...words) => ask(...words), { user: "42", data: 2, id: "two" }).catch(() => false), 30_000);
  await eventually("the event is handled there", () => seen.includes(2), 30_000);
  await inbox.close();
  await running;
});

test("failed attempts are retried and end as a dead letter, and the client gets an error", async (t) => {
  const logged = [];
  const logger = { warn: (message, fields) => logged.push([message, fields]), error: (message, fields) => logged.push([message, fields]) };
  const inbox = closing(t, await Inbox.connect(redis.url, "chat", { ...quick, tries: 3, logger }));
  const tries = [];
  inbox.on("bad", (event) => { tries.push(event.tries); throw new Error("no disk"); });
  inbox.on("better", (event) => { if (event.tries < 2) throw new Error("not yet"); return "now"; });
  const running = inbox.run();
  await emit(ask, { user: "42", type: "bad", json: '{"secret":"s3cret"}', id: "m1", ref: "1" });
  await emit(ask, { user: "42", type: "better", ref: "2" });
  await eventually("both replies are sent", () => node.received.length === 2);
  assert.deepEqual(tries, [1, 2, 3]);
  const message = "the service could not handle the event";
  assert.deepEqual(new Map(node.frames().map((frame) => [frame.ref, frame])), new Map([
    ["1", { type: "wirebell.error", code: "service_failed", message, ref: "1" }],
    ["2", { type: "wirebell.reply", ref: "2", data: "now" }],
  ]));
  const [[, fields]] = await redis.ask("XRANGE", deadOf("42"), "-", "+");
  const { at, ...letter } = asObject(fields);
  assert.match(at, /^\d+$/);
  assert.deepEqual(letter, { id: "m1", type: "bad", user: "42", data: '{"secret":"s3cret"}', connection: "k3j9x2ma.1f", ref: "1", group: "chat", tries: "3", reason: "no disk" });
  assert.deepEqual(await inbox.backlog(), { lag: 0, pending: 0, dead: 1 });
  // If the client emits the event again, the node replies at once with the stored result.
  assert.deepEqual((await emit(ask, { user: "42", type: "bad", id: "m1", ref: "9" })).slice(2), ["1", "error service_failed"]);
  assert.equal(logged.filter(([message]) => message.includes("it is retried")).length, 3);
  assert.ok(!JSON.stringify(logged).includes("s3cret"));
  await inbox.close();
  await running;
});

test("a reply that cannot be sent is a failed attempt", async (t) => {
  const inbox = closing(t, await Inbox.connect(redis.url, "chat", { ...quick, tries: 1 }));
  const loop = {};
  loop.self = loop;
  const wrong = [1n, { deep: [1n] }, loop, () => {}, Symbol("s"), new RawJson('"\ud800"'), { toJSON() { throw new Error("mine"); } }];
  for (const reply of wrong) {
    await emit(ask, { user: "42", ref: "1" });
    const claim = await inbox.next();
    await assert.rejects(claim.done(reply), (error) => error instanceof InvalidReplyError && error.code === "invalid_reply");
    // The event is still in flight.
    await claim.failed("no reply");
  }
  const most = 1_048_576;
  await emit(ask, { user: "42", ref: "1" });
  const large = await inbox.next();
  await assert.rejects(large.done("x".repeat(most - 1)), { name: "InvalidReplyError", code: "too_large", message: `invalid reply: ${most + 1} bytes; at most ${most}` });
  await large.done("x".repeat(most - 2));
  await emit(ask, { user: "42", ref: "raw" });
  await (await inbox.next()).done(new RawJson(' {"a" : 1.0} '));
  await eventually("the last reply is sent", () => node.received.some((message) => message.endsWith('{"type":"wirebell.reply","ref":"raw","data":{"a" : 1.0}}')));
  assert.equal(node.received.length, wrong.length + 2);
  inbox.on("send-message", () => 1n);
  const running = inbox.run();
  await emit(ask, { user: "42", ref: "last" });
  await eventually("the client gets an error", () => node.frames().some(({ ref, code }) => ref === "last" && code === "service_failed"));
  await inbox.close();
  await running;
});

test("an event emitted twice while in flight gets one reply, to the last connection", async (t) => {
  await emit(ask, { user: "42", id: "m1", ref: "first" });
  const inbox = closing(t, await Inbox.connect(redis.url, "chat", quick));
  const claim = await inbox.next();
  assert.equal((await emit(ask, { user: "42", id: "m1", ref: "second", connection: "k3j9x2ma.20" }))[0], "again");
  await claim.done("here");
  await claim.done("twice");
  await claim.failed("too late");
  await eventually("the reply is sent", () => node.received.length === 1);
  assert.equal(node.received[0], 'reply k3j9x2ma.20 "second"\n{"type":"wirebell.reply","ref":"second","data":"here"}');
  await sleep(200);
  assert.equal(node.received.length, 1);
  assert.deepEqual(inbox.counters(), { handedOut: 1, done: 1, failed: 0, dead: 0, takenOver: 0 });
});

test("events of one user are handled one after the other, and other users do not wait", async (t) => {
  const inbox = closing(t, await Inbox.connect(redis.url, "chat", { ...quick, atOnce: 8 }));
  const [started, ended] = [[], []];
  inbox.on("send-message", async ({ user, data }) => {
    started.push(`${user} ${data}`);
    await sleep(user === "slow" ? 150 : 1);
    ended.push(`${user} ${data}`);
  });
  for (const number of range(3)) await emit(ask, { user: "slow", data: number });
  for (const number of range(20)) await emit(ask, { user: "quick", data: number });
  const running = inbox.run();
  await eventually("all events are done", () => inbox.counters().done === 23);
  assert.deepEqual(ended.filter((one) => one.startsWith("quick")), range(20).map((number) => `quick ${number}`));
  assert.deepEqual(ended.filter((one) => one.startsWith("slow")), range(3).map((number) => `slow ${number}`));
  assert.ok(started.indexOf("slow 1") > started.indexOf("quick 0"), String(started));
  assert.equal(ended.at(-1), "slow 2");
  await inbox.close();
  await running;
});

test("another worker takes over from one that dies, and each event gets one reply", async (t) => {
  for (const number of range(20)) await emit(ask, { user: `u${number}`, data: number, ref: String(number) });
  const dying = await Inbox.connect(redis.url, "chat", { ...quick, goneAfter: 500, atOnce: 20, worker: "dying" });
  const inFlight = [];
  for (const _ of range(20)) inFlight.push(await dying.next());
  const other = closing(t, await Inbox.connect(redis.url, "chat", { ...quick, goneAfter: 500 }));
  await inFlight[0].done("from the first");
  // The worker stops renewing its leases. Events in flight are not returned to the group.
  assert.equal(await dying.close({ timeout: 0 }), 19);
  for (const _ of range(19)) {
    const claim = await other.next();
    assert.equal(claim.event.tries, 2);
    await claim.done("from the other");
  }
  await eventually("all replies are sent", () => node.received.length === 20);
  assert.equal(new Set(node.frames().map(({ ref }) => ref)).size, 20);
  assert.deepEqual(await other.backlog(), { lag: 0, pending: 0, dead: 0 });
});

test("a worker continues through outages of Redis, at its start and later", async (t) => {
  const late = await Redis.start();
  t.after(() => late.stop());
  await late.kill();
  const logged = [];
  const logger = { warn: (message, fields) => logged.push([message, fields.code]), error: () => {} };
  const inbox = closing(t, await Inbox.connect(late.url, "chat", { ...quick, logger }));
  assert.deepEqual(logged[0], ["wirebell: cannot connect yet; retrying", "unavailable"]);
  await assert.rejects(inbox.backlog(), { name: "UnavailableError", code: "unavailable" });
  await late.run();
  const askLate = (_, ...words) => late.ask(...words);
  await emit(askLate, { user: "42", data: 1, ref: "1" });
  const claim = await inbox.next();
  await late.kill();
  await assert.rejects(claim.done("lost"), { name: "UnavailableError" });
  await late.run();
  // The event was handled, but Redis did not get the result: delivery is at least once.
  const again = await inbox.next();
  assert.deepEqual([again.event.id, again.event.data], [claim.event.id, 1]);
  await again.done();
  assert.deepEqual(await inbox.backlog(), { lag: 0, pending: 0, dead: 0 });
});

test("an invalid inbox entry becomes a dead letter", async (t) => {
  for (const fields of [["hello", "world"], ["id", "1", "type", "t", "user", "42", "at", "1", "data", "{"], ["id", "1", "type", "t", "user", "42", "at", "1", "data", "1", "connection", "me", "ref", "1"]]) {
    await redis.ask("XADD", streamOf("42"), "*", ...fields);
  }
  await emit(ask, { user: "42", id: "good" });
  const inbox = closing(t, await Inbox.connect(redis.url, "chat", quick));
  const claim = await inbox.next();
  assert.equal(claim.event.id, "good");
  await claim.done();
  await eventually("the invalid entries are dead letters", () => inbox.counters().dead === 3);
  assert.deepEqual(await inbox.backlog(), { lag: 0, pending: 0, dead: 3 });
  assert.deepEqual(node.received, []);
});

test("connect and on reject invalid arguments", async (t) => {
  for (const [url, found] of [["http://127.0.0.1:9090", "server API"], ["nonsense", "no scheme"], ["redis://", "no host"], [undefined, "not a string"]]) {
    await assert.rejects(Inbox.connect(url, "chat"), (error) => error.code === "bad_url" && error.message.includes(found), String(url));
  }
  for (const [service, options, name] of [["", {}, "service"], [undefined, {}, "service"], ["chat", { prefix: "a b" }, "prefix"], ["chat", { tries: 0 }, "tries"], ["chat", { retries: 3 }, "retries"]]) {
    const is = (error) => error.name === "ConfigurationError" && error.code === "bad_option" && error.message.includes(`\`${name}\``);
    await assert.rejects(Inbox.connect(redis.url, service, options), is, name);
  }
  const locked = await Redis.start("--requirepass", "right");
  t.after(() => locked.stop());
  await assert.rejects(Inbox.connect(`redis://:wrong@127.0.0.1:${locked.port}`, "chat"), { name: "RefusedError", code: "WRONGPASS" });
  const inbox = closing(t, await Inbox.connect(redis.url, "chat", quick));
  await assert.rejects(inbox.run(), { code: "bad_option" });
  assert.throws(() => inbox.on("", () => {}), { code: "bad_option" });
  assert.throws(() => inbox.on("t", "handler"), { code: "bad_option" });
  assert.throws(() => inbox.on("t", () => {}).on("t", () => {}), { code: "bad_option" });
});
