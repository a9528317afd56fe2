// One suite of behaviour, over each transport by its own client.
import { strict as assert } from "node:assert";
import { after, before, describe, test } from "node:test";

import { Redis } from "../../examples/harness/redis.mjs";
import { Inbox } from "../../publisher-sdk/node/index.mjs";
import { Gateway } from "../e2e/gateway.mjs";
import * as socketio from "./drivers/socketio.mjs";
import * as sse from "./drivers/sse.mjs";
import * as websocket from "./drivers/websocket.mjs";
import { pause } from "./inbox.mjs";
import { token } from "./token.mjs";

const POLLING = { name: "socketio, polling", label: "socketio", Client: socketio.over("polling"), isPolling: true };

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

// A user of each test's own, so that none hears of another's.
let users = 0;
const someone = () => `user-${++users}`;

for (const transport of [websocket, sse, { ...socketio, Client: socketio.over("websocket") }, POLLING]) {
  const { Client } = transport;

  describe(transport.name, () => {
    let gateway;
    const clients = [];
    const come = async (user, options, claims) => {
      const client = await Client.connect(gateway, token(user, claims), options);
      clients.push(client);
      return client;
    };
    const publish = async (to, type, data, more) => {
      const answer = await gateway.publish({ to, type, data, ...more });
      assert.equal(answer.status, 202, JSON.stringify(answer));
      return answer;
    };

    before(async () => {
      const origins = "https://shop.example,https://pay.example";
      gateway = await Gateway.start({ "bus.redis": redis.url, "clients.allowed_origins": origins, "clients.outbox_bytes": "65536", "bus.log_events": "5000", "auth.leeway": "0s" });
    });
    after(async () => {
      clients.forEach((client) => client.close());
      await gateway?.stop();
    });

    test("a welcome says who it is and where it begins", async () => {
      const user = someone();
      const { inbox } = await come(user, {}, { device: "phone" });
      const welcome = await inbox.of("wirebell.welcome");
      assert.deepEqual([welcome.user, welcome.device, welcome.recovered], [user, "phone", true]);
      assert.match(welcome.connection, /^[a-z2-7]{8}\.[0-9a-f]+$/);
      assert.match(welcome.cursor, /^\d+-\d+$/);
    });

    test("events come in order, with their data as it was published, and only the user's own", async () => {
      const [user, other] = [someone(), someone()];
      const { inbox } = await come(user);
      const neighbour = await come(other);
      await inbox.of("wirebell.welcome");
      await neighbour.inbox.of("wirebell.welcome");
      for (let n = 0; n < 50; n++) await publish(`user:${n % 2 ? other : user}`, "tick", { n, text: "a\u2028\n\"é\"", deep: [null, 1.5] });
      for (let n = 0; n < 50; n += 2) {
        const event = await inbox.event();
        assert.deepEqual([event.type, event.data, event.channel], ["tick", { n, text: "a\u2028\n\"é\"", deep: [null, 1.5] }, `user:${user}`]);
      }
      await publish("all", "open-to-all", 1);
      assert.equal((await inbox.event()).type, "open-to-all");
      assert.ok(neighbour.inbox.events().every(({ channel }) => channel !== `user:${user}`));
    });

    test("an event to one connection reaches that one", async () => {
      const user = someone();
      const [one, other] = [await come(user), await come(user)];
      const { connection } = await one.inbox.of("wirebell.welcome");
      await other.inbox.of("wirebell.welcome");
      await publish(`conn:${connection}`, "paid", 1);
      await publish(`user:${user}`, "tick", 2);
      assert.deepEqual([(await one.inbox.event()).data, (await one.inbox.event()).data], [1, 2]);
      assert.equal((await other.inbox.event()).data, 2);
    });

    test("whoever comes back with a cursor gets what it missed, in order and once", async () => {
      const user = someone();
      const first = await come(user);
      await first.inbox.of("wirebell.welcome");
      await publish(`user:${user}`, "tick", 0);
      const { cursor } = await first.inbox.event();
      first.close();
      for (let n = 1; n <= 100; n++) await publish(`user:${user}`, "tick", n);
      const { inbox } = await come(user, { cursor });
      assert.equal((await inbox.of("wirebell.welcome")).recovered, true);
      await publish(`user:${user}`, "tick", 101);
      for (let n = 1; n <= 101; n++) assert.equal((await inbox.event()).data, n);
    });

    test("whoever got nothing yet comes back with the welcome's cursor", async () => {
      const user = someone();
      await publish(`user:${user}`, "tick", "before");
      const first = await come(user);
      const { cursor } = await first.inbox.of("wirebell.welcome");
      first.close();
      await publish(`user:${user}`, "tick", "away");
      const { inbox } = await come(user, { cursor });
      assert.equal((await inbox.event()).data, "away");
    });

    test("a gap is told", async () => {
      const user = someone();
      await publish(`user:${user}`, "tick", 1);
      // Of a log that is lost: this one has not come so far.
      const { inbox } = await come(user, { cursor: "9999999999999-0" });
      assert.equal((await inbox.of("wirebell.welcome")).recovered, false);
      assert.equal((await inbox.of("wirebell.gap")).channel, `user:${user}`);
      await publish(`user:${user}`, "tick", 2);
      assert.equal((await inbox.event()).data, 2);
    });

    test("topics are subscribed to and left, and only those that the token permits", async () => {
      const client = await come(someone(), {}, { topics: ["news"] });
      await client.inbox.of("wirebell.welcome");
      const begun = await client.ask("wirebell.subscribe", { channel: "topic:news" });
      assert.equal(begun.channel, "topic:news");
      assert.match(begun.cursor, /^\d+-\d+$/);
      await publish("topic:news", "news", 1);
      assert.equal((await client.inbox.event()).data, 1);
      const refused = await client.ask("wirebell.subscribe", { channel: "topic:other" });
      assert.equal(refused.error.code, "not_allowed");
      assert.deepEqual(await client.ask("wirebell.unsubscribe", { channel: "topic:news" }), { channel: "topic:news" });
    });

    test("an acknowledgement settles the receipt", async () => {
      const user = someone();
      const client = await come(user);
      await client.inbox.of("wirebell.welcome");
      const { id } = await publish(`user:${user}`, "paid", { ok: true }, { receipt: true });
      const event = await client.inbox.event();
      assert.equal(event.ack, true);
      await client.acknowledge(event);
      const receipt = await fetch(`http://${gateway.services}/v1/events/${id}?wait=10`);
      assert.equal((await receipt.json()).channels[0].state, "acknowledged");
    });

    test("what a client emits is answered by the service that took it", async () => {
      const user = someone();
      const client = await come(user, {}, { emit: ["send-*"] });
      await client.inbox.of("wirebell.welcome");
      for (const text of ["é", "two"]) assert.deepEqual(await client.ask("send-message", { data: { text } }), { user, text });
      assert.equal((await client.ask("send-nonsense", { data: 1 })).error.code, "service_failed");
      assert.equal((await client.ask("delete-everything", { data: 1 })).error.code, "not_allowed");
    });

    test("a slow client reads the log at its own speed, and misses nothing", { skip: transport.isPolling && "a client that does not poll takes nothing" }, async () => {
      const user = someone();
      const client = await come(user);
      await client.inbox.of("wirebell.welcome");
      client.hold();
      const count = 1_500, text = "x".repeat(8_000);
      for (let n = 0; n < count; n += 100) {
        const batch = Array.from({ length: 100 }, (_, k) => ({ to: `user:${user}`, type: "late", data: { n: n + k, text } }));
        assert.equal((await gateway.publish(batch)).status, 202);
      }
      const isSlow = async () => (await (await fetch(`http://${gateway.services}/v1/users/${user}`)).json()).sessions[0]?.slow.length > 0;
      for (let tries = 0; !(await isSlow()); tries++) {
        assert.ok(tries < 50, "it is not told as slow");
        await pause(100);
      }
      client.release();
      for (let n = 0; n < count; n++) assert.equal((await client.inbox.event()).data.n, n);
    });

    test("a token that expires ends the connection, after a notice", async () => {
      const client = await come(someone(), {}, { lives: 2 });
      await client.inbox.of("wirebell.expiring");
      assert.equal((await client.ended).code, 4401);
    });

    test("a renewed token prolongs it", async () => {
      const user = someone();
      const client = await come(user, {}, { lives: 3 });
      await client.inbox.of("wirebell.welcome");
      const { expires } = await client.ask("wirebell.auth", { token: token(user) });
      assert.ok(expires > Date.now() / 1000 + 500);
      const other = await client.ask("wirebell.auth", { token: token("neighbour") });
      assert.equal(other.error.code, "user_mismatch");
      await pause(3_000);
      await publish(`user:${user}`, "tick", 1);
      assert.equal((await client.inbox.event()).data, 1);
    });

    test("a bad token is refused by its code", async () => {
      const client = await Client.connect(gateway, token("42", { secret: "another" }), {});
      const { code, status, problem, fault } = await client.ended;
      // Each transport has its own way to say so.
      const said = { websocket: () => code === 4401, sse: () => status === 401 && problem.code === "token_signature", socketio: () => fault === "token_signature" };
      assert.ok(said[transport.label](), JSON.stringify({ code, status, problem, fault }));
    });

    test("a page of another origin is refused, one that is listed is not", async () => {
      const refused = await come("42", { origin: "https://evil.example" });
      assert.equal((await refused.ended).status, 403);
      const { inbox } = await come("42", { origin: "https://shop.example" });
      assert.equal((await inbox.of("wirebell.welcome")).user, "42");
    });

    test("metrics name the transport", async () => {
      const { inbox } = await come(someone());
      await inbox.of("wirebell.welcome");
      const metrics = await (await fetch(`http://${gateway.services}/metrics`)).text();
      assert.match(metrics, new RegExp(`wirebell_sessions\\{transport="${transport.label}"\\} [1-9]`));
    });

    test("a node that is drained sends its clients on, and has delivered what came meanwhile", async () => {
      const drained = await Gateway.start({ "drain.notice": "100ms", "drain.window": "1s" });
      const client = await Client.connect(drained, token("42"), {});
      await client.inbox.of("wirebell.welcome");
      await drained.publish({ to: "user:42", type: "tick", data: 1 });
      const stopped = drained.stop();
      const { after, reason } = await client.inbox.of("wirebell.reconnect");
      assert.equal(reason, "drain");
      assert.ok(after >= 0 && after <= 1, `${after} s`);
      assert.equal((await client.ended).code, 1012);
      assert.equal(client.inbox.events()[0].data, 1);
      await stopped;
    });
  });
}
