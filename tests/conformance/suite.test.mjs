// One suite of behavior that runs over each transport with that transport's own client.
import { strict as assert } from "node:assert";
import { after, before, describe, test } from "node:test";

import { Redis } from "../../examples/harness/redis.mjs";
import { Inbox } from "../../publisher-sdk/node/index.mjs";
import { Gateway } from "../e2e/gateway.mjs";
import * as socketio from "./drivers/socketio.mjs";
import * as sse from "./drivers/sse.mjs";
import * as websocket from "./drivers/websocket.mjs";
import { pause } from "./frame-queue.mjs";
import { token } from "./token.mjs";

const POLLING = { name: "socketio, polling", metricsLabel: "socketio", Client: socketio.withTransports("polling"), isPolling: true };

let redis, inbox;
before(async () => {
  redis = await Redis.start();
  inbox = await Inbox.connect(redis.url, "suite", { tries: 1, logger: false });
  inbox.on("send-message", ({ user, data }) => ({ user, text: data.text }));
  inbox.on("send-nonsense", () => { throw new Error("no"); });
  void inbox.run();
});
after(async () => {
  await inbox?.close({ timeout: 100 });
  await redis?.stop();
});

// Each test has its own users, so no test receives another test's events.
let users = 0;
const newUser = () => `user-${++users}`;

for (const transport of [websocket, sse, { ...socketio, Client: socketio.withTransports("websocket") }, POLLING]) {
  const { Client } = transport;

  describe(transport.name, () => {
    let gateway;
    const clients = [];
    const connect = async (user, options, claims) => {
      const client = await Client.connect(gateway, token(user, claims), options);
      clients.push(client);
      return client;
    };
    const publish = async (to, type, data, more) => {
      const result = await gateway.publish({ to, type, data, ...more });
      assert.equal(result.status, 202, JSON.stringify(result));
      return result;
    };

    before(async () => {
      const origins = "https://shop.example,https://pay.example";
      gateway = await Gateway.start({ "bus.redis": redis.url, "clients.allowed_origins": origins, "clients.outbox_bytes": "65536", "bus.log_events": "5000", "auth.leeway": "0s" });
    });
    after(async () => {
      clients.forEach((client) => client.close());
      await gateway?.stop();
    });

    test("a welcome names the user, the device and the start cursor", async () => {
      const user = newUser();
      const { frames } = await connect(user, {}, { device: "phone" });
      const welcome = await frames.nextOf("wirebell.welcome");
      assert.deepEqual([welcome.user, welcome.device, welcome.recovered], [user, "phone", true]);
      assert.match(welcome.connection, /^[a-z2-7]{8}\.[0-9a-f]+$/);
      assert.match(welcome.cursor, /^\d+-\d+$/);
    });

    test("a user gets only its own events, in order, with their data unchanged", async () => {
      const [user, other] = [newUser(), newUser()];
      const { frames } = await connect(user);
      const neighbor = await connect(other);
      await frames.nextOf("wirebell.welcome");
      await neighbor.frames.nextOf("wirebell.welcome");
      for (let n = 0; n < 50; n++) await publish(`user:${n % 2 ? other : user}`, "tick", { n, text: "a\u2028\n\"é\"", deep: [null, 1.5] });
      for (let n = 0; n < 50; n += 2) {
        const event = await frames.nextEvent();
        assert.deepEqual([event.type, event.data, event.channel], ["tick", { n, text: "a\u2028\n\"é\"", deep: [null, 1.5] }, `user:${user}`]);
      }
      await publish("all", "open-to-all", 1);
      assert.equal((await frames.nextEvent()).type, "open-to-all");
      assert.ok(neighbor.frames.events().every(({ channel }) => channel !== `user:${user}`));
    });

    test("an event to one connection reaches only that connection", async () => {
      const user = newUser();
      const [one, other] = [await connect(user), await connect(user)];
      const { connection } = await one.frames.nextOf("wirebell.welcome");
      await other.frames.nextOf("wirebell.welcome");
      await publish(`conn:${connection}`, "paid", 1);
      await publish(`user:${user}`, "tick", 2);
      assert.deepEqual([(await one.frames.nextEvent()).data, (await one.frames.nextEvent()).data], [1, 2]);
      assert.equal((await other.frames.nextEvent()).data, 2);
    });

    test("a client that resumes from a cursor gets the missed events, in order and once", async () => {
      const user = newUser();
      const first = await connect(user);
      await first.frames.nextOf("wirebell.welcome");
      await publish(`user:${user}`, "tick", 0);
      const { cursor } = await first.frames.nextEvent();
      first.close();
      for (let n = 1; n <= 100; n++) await publish(`user:${user}`, "tick", n);
      const { frames } = await connect(user, { cursor });
      assert.equal((await frames.nextOf("wirebell.welcome")).recovered, true);
      await publish(`user:${user}`, "tick", 101);
      for (let n = 1; n <= 101; n++) assert.equal((await frames.nextEvent()).data, n);
    });

    test("a client without events resumes from the welcome's cursor", async () => {
      const user = newUser();
      await publish(`user:${user}`, "tick", "before");
      const first = await connect(user);
      const { cursor } = await first.frames.nextOf("wirebell.welcome");
      first.close();
      await publish(`user:${user}`, "tick", "away");
      const { frames } = await connect(user, { cursor });
      assert.equal((await frames.nextEvent()).data, "away");
    });

    test("a client with an unknown cursor gets a gap", async () => {
      const user = newUser();
      await publish(`user:${user}`, "tick", 1);
      // A cursor of a lost log: it is higher than any in the current log.
      const { frames } = await connect(user, { cursor: "9999999999999-0" });
      assert.equal((await frames.nextOf("wirebell.welcome")).recovered, false);
      assert.equal((await frames.nextOf("wirebell.gap")).channel, `user:${user}`);
      await publish(`user:${user}`, "tick", 2);
      assert.equal((await frames.nextEvent()).data, 2);
    });

    test("a client subscribes to and unsubscribes from the topics that its token permits, and no others", async () => {
      const client = await connect(newUser(), {}, { topics: ["news"] });
      await client.frames.nextOf("wirebell.welcome");
      const subscribed = await client.request("wirebell.subscribe", { channel: "topic:news" });
      assert.equal(subscribed.channel, "topic:news");
      assert.match(subscribed.cursor, /^\d+-\d+$/);
      await publish("topic:news", "news", 1);
      assert.equal((await client.frames.nextEvent()).data, 1);
      const rejected = await client.request("wirebell.subscribe", { channel: "topic:other" });
      assert.equal(rejected.error.code, "not_allowed");
      assert.deepEqual(await client.request("wirebell.unsubscribe", { channel: "topic:news" }), { channel: "topic:news" });
    });

    test("an acknowledgement makes the receipt final", async () => {
      const user = newUser();
      const client = await connect(user);
      await client.frames.nextOf("wirebell.welcome");
      const { id } = await publish(`user:${user}`, "paid", { ok: true }, { receipt: true });
      const event = await client.frames.nextEvent();
      assert.equal(event.ack, true);
      await client.acknowledge(event);
      const receipt = await fetch(`http://${gateway.services}/v1/events/${id}?wait=10`);
      assert.equal((await receipt.json()).channels[0].state, "acknowledged");
    });

    test("a service replies to an event that a client emits", async () => {
      const user = newUser();
      const client = await connect(user, {}, { emit: ["send-*"] });
      await client.frames.nextOf("wirebell.welcome");
      for (const text of ["é", "two"]) assert.deepEqual(await client.request("send-message", { data: { text } }), { user, text });
      assert.equal((await client.request("send-nonsense", { data: 1 })).error.code, "service_failed");
      assert.equal((await client.request("delete-everything", { data: 1 })).error.code, "not_allowed");
    });

    test("a slow client reads the log at its own speed and misses nothing", { skip: transport.isPolling && "reading cannot be paused between polls" }, async () => {
      const user = newUser();
      const client = await connect(user);
      await client.frames.nextOf("wirebell.welcome");
      client.pauseReading();
      const count = 1_500, text = "x".repeat(8_000);
      for (let n = 0; n < count; n += 100) {
        const batch = Array.from({ length: 100 }, (_, k) => ({ to: `user:${user}`, type: "late", data: { n: n + k, text } }));
        assert.equal((await gateway.publish(batch)).status, 202);
      }
      const isSlow = async () => (await (await fetch(`http://${gateway.services}/v1/users/${user}`)).json()).sessions[0]?.slow.length > 0;
      for (let attempts = 0; !(await isSlow()); attempts++) {
        assert.ok(attempts < 50, "the session is not reported as slow");
        await pause(100);
      }
      client.resumeReading();
      for (let n = 0; n < count; n++) assert.equal((await client.frames.nextEvent()).data.n, n);
    });

    test("an expired token ends the connection, after a warning", async () => {
      const client = await connect(newUser(), {}, { lifetime: 2 });
      await client.frames.nextOf("wirebell.expiring");
      assert.equal((await client.ended).code, 4401);
    });

    test("a renewed token extends the connection", async () => {
      const user = newUser();
      const client = await connect(user, {}, { lifetime: 3 });
      await client.frames.nextOf("wirebell.welcome");
      const { expires } = await client.request("wirebell.auth", { token: token(user) });
      assert.ok(expires > Date.now() / 1000 + 500);
      const other = await client.request("wirebell.auth", { token: token("neighbor") });
      assert.equal(other.error.code, "user_mismatch");
      await pause(3_000);
      await publish(`user:${user}`, "tick", 1);
      assert.equal((await client.frames.nextEvent()).data, 1);
    });

    test("a bad token is rejected with its error code", async () => {
      const client = await Client.connect(gateway, token("42", { secret: "another" }), {});
      const { code, status, problem, errorCode } = await client.ended;
      // Each transport reports the rejection in its own way.
      const isReported = { websocket: () => code === 4401, sse: () => status === 401 && problem.code === "token_signature", socketio: () => errorCode === "token_signature" };
      assert.ok(isReported[transport.metricsLabel](), JSON.stringify({ code, status, problem, errorCode }));
    });

    test("only pages of allowed origins may connect", async () => {
      const rejected = await connect("42", { origin: "https://evil.example" });
      assert.equal((await rejected.ended).status, 403);
      const { frames } = await connect("42", { origin: "https://shop.example" });
      assert.equal((await frames.nextOf("wirebell.welcome")).user, "42");
    });

    test("metrics name the transport", async () => {
      const { frames } = await connect(newUser());
      await frames.nextOf("wirebell.welcome");
      const metrics = await (await fetch(`http://${gateway.services}/metrics`)).text();
      assert.match(metrics, new RegExp(`wirebell_sessions\\{transport="${transport.metricsLabel}"\\} [1-9]`));
    });

    test("a draining node delivers pending events and asks its clients to reconnect", async () => {
      const drained = await Gateway.start({ "drain.notice": "100ms", "drain.window": "1s" });
      const client = await Client.connect(drained, token("42"), {});
      await client.frames.nextOf("wirebell.welcome");
      await drained.publish({ to: "user:42", type: "tick", data: 1 });
      const stopped = drained.stop();
      const { after, reason } = await client.frames.nextOf("wirebell.reconnect");
      assert.equal(reason, "drain");
      assert.ok(after >= 0 && after <= 1, `${after} s`);
      assert.equal((await client.ended).code, 1012);
      assert.equal(client.frames.events()[0].data, 1);
      await stopped;
    });
  });
}
