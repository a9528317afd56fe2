// The client in Node.js with a real node: events, acknowledgements, tokens and failures.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { connect, memory } from "./support/client.mjs";
import { Node, freePort, startRedis, token } from "./support/node.mjs";
import { eventually, pause } from "./support/wait.mjs";

let node;
// The heartbeat is longer than the pauses of a busy machine: the node closes clients that are
// silent for longer.
before(async () => { node = await Node.start({ settings: { "auth.leeway": "0s", "clients.heartbeat": "3s" } }); });
after(() => node.stop());

const open = [];
const online = async (options) => {
  const seen = connect(options?.url ?? node.url, options);
  open.push(seen.wb);
  await seen.until("online");
  return seen;
};
after(() => open.forEach((wb) => wb.close()));

// The tests mostly wait, and each has its own user.
describe("a client in Node.js", { concurrency: 4 }, () => {
  test("a handler gets events of its type, with data and event", async () => {
    const seen = await online({ user: "a" });
    const paid = [];
    const off = seen.wb.on("payment-status", (data, event) => { paid.push([data, event.id, event.channel]); });
    const { id } = await node.publish("user:a", "payment-status", { status: "paid" });
    await node.publish("user:a", "other", 1);
    await node.publish("user:b", "payment-status", { status: "not for a" });
    await seen.got(2);
    off();
    await node.publish("user:a", "payment-status", { status: "later" });
    await seen.got(3);
    assert.deepEqual(paid, [[{ status: "paid" }, id, "user:a"]]);
    const { state, user, transport, connection } = seen.wb.status;
    assert.deepEqual([state, user, transport, connection.includes(".")], ["online", "a", "websocket", true]);
  });

  test("an event is acknowledged only after its handler has finished", async () => {
    const seen = await online({ user: "ack", claims: { device: "phone" } });
    let finish;
    seen.wb.on("slow", () => new Promise((resolve) => { finish = resolve; }));
    const { id } = await node.publish("user:ack", "slow", 1, { receipt: true });
    await eventually(() => finish);
    assert.equal((await node.receipt(id, 1)).state, "accepted");
    finish();
    const { state, acknowledged } = await node.receipt(id);
    assert.deepEqual([state, acknowledged[0].device], ["acknowledged", "phone"]);
  });

  test("an event whose handler throws is reported, not acknowledged, and retried on the next connection", async () => {
    const seen = await online({ user: "throws" });
    let broken = true;
    let runs = 0;
    seen.wb.on("tracked", async () => { runs += 1; if (broken) throw new Error("a bug of the page"); });
    const { id } = await node.publish("user:throws", "tracked", 1, { receipt: true });
    await eventually(() => seen.errors, ({ length }) => length === 1);
    assert.match(seen.errors[0].message, /tracked failed: Error: a bug of the page/);
    assert.equal((await node.receipt(id, 1)).state, "accepted");
    broken = false;
    seen.wb.close();
    seen.wb.connect();
    assert.equal((await node.receipt(id)).state, "acknowledged");
    assert.equal(runs, 2);
  });

  test("an event without a handler is not acknowledged", async () => {
    const { wb } = await online({ user: "closing" });
    const silent = connect(node.url, { user: "unhandled" });
    open.push(silent.wb);
    wb.close();
    await silent.until("online");
    // `connect` handles every type to record it; this client does not.
    const quiet = (await import("./support/package.mjs")).client.wirebell(node.url, { WebSocket, token: () => token("quiet") });
    open.push(quiet);
    await eventually(() => quiet.status.state, (state) => state === "online");
    const { id } = await node.publish("user:quiet", "tracked", 1, { receipt: true });
    assert.equal((await node.receipt(id, 1)).state, "accepted");
  });

  test("missed events are received after a reconnect and after a reload, once and in order", async () => {
    const storage = memory();
    const first = await online({ user: "away", storage });
    await node.publish("user:away", "n", 1);
    await first.got(1);
    first.wb.close();
    await node.publish("user:away", "n", 2);
    first.wb.connect();
    await first.got(2);
    first.wb.close();
    await node.publish("user:away", "n", 3);
    await node.publish("user:away", "n", 4);
    const reloaded = await online({ user: "away", storage });
    await reloaded.got(2);
    await pause(200);
    assert.deepEqual([first.data(), reloaded.data()], [[1, 2], [3, 4]]);
    assert.deepEqual([...storage.stored.keys()], [`wirebell:${node.url}:away`]);
  });

  test("a client without any received event also gets the events it missed", async () => {
    const seen = await online({ user: "early" });
    seen.wb.close();
    await node.publish("user:early", "n", 1);
    seen.wb.connect();
    await seen.got(1);
    assert.deepEqual(seen.data(), [1]);
  });

  test("a topic stays subscribed until its last handler is removed, and resumes after a reconnect", async () => {
    const seen = await online({ user: "topics" });
    const news = [];
    const offs = [1, 2].map((nth) => seen.wb.subscribe("topic:news", (data) => { news.push([nth, data]); }));
    await pause(200);
    await node.publish("topic:news", "headline", "a");
    await seen.got(1);
    seen.wb.close();
    await node.publish("topic:news", "headline", "b");
    seen.wb.connect();
    await seen.got(2);
    offs[0]();
    await node.publish("topic:news", "headline", "c");
    await seen.got(3);
    offs[1]();
    await pause(200);
    await node.publish("topic:news", "headline", "d");
    await pause(200);
    assert.deepEqual(news, [[1, "a"], [2, "a"], [1, "b"], [2, "b"], [2, "c"]]);
    assert.deepEqual(seen.data(), ["a", "b", "c"]);
  });

  test("a topic that the token does not permit is reported as an error", async () => {
    const seen = await online({ user: "limited", claims: { topics: ["allowed"] } });
    seen.wb.subscribe("topic:secret");
    await eventually(() => seen.errors.length);
    assert.deepEqual([seen.errors[0].code, seen.errors[0].channel], ["not_allowed", "topic:secret"]);
    assert.equal(seen.wb.status.state, "online");
  });

  test("retained events are stored by key and by type, and reported once over several connections", async () => {
    const seen = await online({ user: "kept" });
    let changes = 0;
    seen.wb.onRetained(() => { changes += 1; });
    await node.publish("user:kept", "account", { plan: "a" }, { class: "retained", key: "plan" });
    await node.publish("user:kept", "account", { plan: "b" }, { class: "retained", key: "plan" });
    await eventually(() => seen.wb.retained("plan")?.data.plan === "b");
    const before = changes;
    seen.wb.close();
    seen.wb.connect();
    await seen.until("online");
    await pause(300);
    assert.equal(changes, before);
    assert.equal(seen.wb.retained("account").data.plan, "b");
    assert.equal(seen.wb.retained("plan", "user:kept").data.plan, "b");
    assert.equal(seen.wb.retained("other"), undefined);
  });

  test("a token is renewed on the live connection, without losing events", async () => {
    let calls = 0;
    const seen = await online({ user: "renew", token: () => { calls += 1; return token("renew", { lifetime: 6 }); } });
    const { connection } = seen.wb.status;
    await pause(7_500);
    assert.ok(calls >= 3, `${calls} tokens`);
    assert.equal(seen.wb.status.connection, connection);
    await node.publish("user:renew", "n", 1);
    await seen.got(1);
    assert.deepEqual(seen.states.filter((state) => state !== "connecting"), ["online"], `the connection broke: ${seen.messages}`);
  });

  test("after a sign-out the client stops, reports it, and removes its cursors", async () => {
    const storage = memory();
    let signedIn = true;
    const seen = await online({ user: "gone", storage, token: () => (signedIn ? token("gone", { lifetime: 2 }) : null) });
    await node.publish("user:gone", "n", 1);
    await eventually(() => storage.stored.size);
    signedIn = false;
    const { reason } = await seen.until("closed");
    assert.deepEqual([reason, storage.stored.size], ["no_token", 0]);
    await eventually(() => node.sessions("gone"), ({ length }) => length === 0);
  });

  test("a renewal with the token of another user closes the client", async () => {
    const storage = memory();
    let user = "one";
    const seen = await online({ storage, token: () => token(user, { lifetime: 2 }) });
    await node.publish("user:one", "n", 1);
    await eventually(() => storage.stored.size);
    user = "two";
    assert.equal((await seen.until("closed")).reason, "user_changed");
    assert.equal(storage.stored.size, 0);
    seen.wb.connect();
    await seen.until("online");
    assert.equal(seen.wb.status.user, "two");
  });

  test("a reconnect with the token of another user closes the client", async () => {
    const mine = await Node.start();
    let user = "one";
    const seen = await online({ url: mine.url, token: () => token(user) });
    user = "two";
    await mine.stop();
    const next = await Node.start({ clients: mine.clients });
    assert.equal((await seen.until("closed")).reason, "user_changed");
    assert.equal((await next.sessions("two")).length, 0);
    await next.stop();
  });

  test("a token function that throws or returns a bad token is called again", async () => {
    let calls = 0;
    const seen = await online({ user: "flaky", token: () => { if ((calls += 1) < 2) throw new Error("sign-in is down"); return calls < 3 ? "bad" : token("flaky"); } });
    assert.equal(calls, 3);
    assert.ok(seen.states.includes("waiting"));
    assert.equal(seen.errors[0].code, "token");
  });

  test("a closed client stays closed until connect", async () => {
    const seen = await online({ user: "closed" });
    seen.wb.close();
    assert.deepEqual(seen.wb.status, { state: "closed", reason: "closed", message: "" });
    await assert.rejects(seen.wb.emit("anything"), { code: "closed" });
    await pause(1_500);
    assert.equal((await node.sessions("closed")).length, 0);
    assert.equal(seen.wb.status.state, "closed");
  });

  test("a silent connection is replaced", async () => {
    const port = await freePort();
    const settings = { "clients.heartbeat": "1s" };
    const frozen = await Node.start({ settings, clients: `127.0.0.1:${port}` });
    const seen = connect(frozen.url, { user: "frozen" });
    open.push(seen.wb);
    await seen.until("online");
    const { connection } = seen.wb.status;
    frozen.signal("SIGSTOP");
    const frozenAt = Date.now();
    await eventually(() => seen.wb.status.state, (state) => state !== "online");
    const noticed = Date.now() - frozenAt;
    assert.ok(noticed < 3_000, `${noticed} ms`);
    frozen.signal("SIGCONT");
    await eventually(() => seen.wb.status, (status) => status.state === "online" && status.connection !== connection);
    await frozen.stop();
  });

  test("a wake signal makes the client check its connection", async () => {
    const sleepy = await Node.start();
    let signals;
    const seen = connect(sleepy.url, { user: "sleepy", lifecycle: (given) => { signals = given; return () => {}; } });
    open.push(seen.wb);
    await seen.until("online");
    signals.wake();
    await pause(3_500);
    assert.deepEqual(seen.states.filter((state) => state !== "connecting"), ["online"], "the connection was alive");
    sleepy.signal("SIGSTOP");
    await pause(100);
    signals.wake();
    // The heartbeat is 25 s, so only the check can detect it this soon.
    await eventually(() => seen.wb.status.state, (state) => state !== "online", 4_500);
    await sleepy.stop();
  });

  test("the status is offline without a network, and the client reconnects with it", async () => {
    let signals;
    let network = true;
    const mine = await Node.start();
    const seen = connect(mine.url, { user: "tunnel", hasNetwork: () => network, lifecycle: (given) => { signals = given; return () => {}; } });
    open.push(seen.wb);
    await seen.until("online");
    network = false;
    mine.signal("SIGSTOP");
    await pause(100);
    signals.offline();
    assert.equal(typeof (await seen.until("offline")).retryAt, "number");
    mine.signal("SIGCONT");
    network = true;
    signals.online();
    await seen.until("online", 3_000);
    await mine.stop();
  });

  test("no event is lost or repeated when a node is killed and another takes over", async () => {
    const redis = await startRedis();
    const port = await freePort();
    const [first, other] = [await Node.start({ redis: redis.url, clients: `127.0.0.1:${port}` }), await Node.start({ redis: redis.url })];
    const seen = connect(first.url, { user: "moved" });
    open.push(seen.wb);
    await seen.until("online");
    for (let nth = 0; nth < 5; nth += 1) await other.publish("user:moved", "n", nth);
    await first.stop();
    for (let nth = 5; nth < 10; nth += 1) await other.publish("user:moved", "n", nth);
    const second = await Node.start({ redis: redis.url, clients: `127.0.0.1:${port}` });
    for (let nth = 10; nth < 15; nth += 1) await other.publish("user:moved", "n", nth);
    await seen.got(15);
    await pause(200);
    assert.deepEqual(seen.data(), Array.from({ length: 15 }, (_, nth) => nth));
    assert.deepEqual(seen.gaps, []);
    seen.wb.close();
    await Promise.all([second.stop(), other.stop()]);
    await redis.stop();
  });

  test("clients of a draining node reconnect after the requested delay", async () => {
    const port = await freePort();
    const settings = { "drain.notice": "0s", "drain.window": "1s", "drain.deadline": "4s" };
    const old = await Node.start({ settings, clients: `127.0.0.1:${port}` });
    const seen = connect(old.url, { user: "drained" });
    open.push(seen.wb);
    await seen.until("online");
    await old.stop("SIGTERM");
    const next = await Node.start({ settings, clients: `127.0.0.1:${port}` });
    await seen.until("online");
    assert.ok(seen.states.includes("waiting"));
    seen.wb.close();
    await next.stop();
  });

  test("a log without the missed events is reported as a gap, and the rest is received", async () => {
    const storage = memory();
    const short = await Node.start({ settings: { "bus.log_events": "2" } });
    const seen = connect(short.url, { user: "gap", storage });
    open.push(seen.wb);
    await seen.until("online");
    await short.publish("user:gap", "n", 0);
    await seen.got(1);
    seen.wb.close();
    for (let nth = 1; nth < 400; nth += 1) await short.publish("user:gap", "n", nth);
    seen.wb.connect();
    await eventually(() => seen.gaps.length);
    await eventually(() => seen.data().at(-1), (last) => last === 399);
    assert.deepEqual(seen.gaps, [{ channel: "user:gap" }]);
    seen.wb.close();
    await short.stop();
  });

  test("the close code for unreadable frames is final", async () => {
    class Nonsense extends WebSocket {
      constructor(...all) {
        super(...all);
        this.on("open", () => { for (let nth = 0; nth < 21; nth += 1) super.send("nonsense"); });
      }
    }
    const seen = connect(node.url, { user: "nonsense", WebSocket: Nonsense });
    open.push(seen.wb);
    const { reason } = await seen.until("closed");
    assert.equal(reason, "refused");
  });
});

test("a client that cannot read tokens resumes after a reload all the same", async () => {
  const { atob } = globalThis;
  globalThis.atob = undefined;
  try {
    const storage = memory();
    const first = await online({ user: "unread", storage });
    await node.publish("user:unread", "n", 1);
    await first.got(1);
    first.wb.close();
    await node.publish("user:unread", "n", 2);
    const second = await online({ user: "unread", storage });
    await second.got(1);
    await pause(200);
    assert.deepEqual([first.data(), second.data()], [[1], [2]]);
  } finally {
    globalThis.atob = atob;
  }
});
