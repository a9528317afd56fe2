// What the official Socket.IO client expects of a server, used as in its documentation.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";

import { Gateway } from "../e2e/gateway.mjs";
import { pause } from "./frame-queue.mjs";
import { token } from "./token.mjs";

let gateway;
const sockets = [];
before(async () => { gateway = await Gateway.start({ "auth.leeway": "0s", "clients.heartbeat": "1s", "clients.auth_timeout": "2s" }); });
after(async () => {
  sockets.forEach((socket) => socket.disconnect());
  await gateway?.stop();
});

const connect = (auth, options = {}, at = gateway) => {
  const socket = io(`http://${at.clients}`, { auth, forceNew: true, reconnectionDelay: 50, ...options });
  sockets.push(socket);
  return socket;
};
const publish = (to, type, data, more) => gateway.publish({ to, type, data, ...more });
const first = (socket, name) => new Promise((resolve) => socket.once(name, (...all) => resolve(all)));

describe("connection", () => {
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"], ["websocket", "polling"]]) {
    test(`over ${transports.join(", then ")}`, async () => {
      const socket = connect({ token: token("42") }, { transports });
      const id = first(socket, "socket-id");
      await once(socket, "connect");
      assert.equal(socket.connected, true);
      assert.deepEqual(await id, [socket.id], "the id is the connection id that services publish to");
      const event = first(socket, "hello");
      await publish(`conn:${socket.id}`, "hello", { a: 1 });
      const [data, about] = await event;
      assert.deepEqual([data, about.channel], [{ a: 1 }, `conn:${socket.id}`]);
    });
  }

  test("upgrades from polling to WebSocket without losing events", async () => {
    const socket = connect({ token: token("up") });
    const seen = [];
    socket.on("tick", (n) => seen.push(n));
    await once(socket, "connect");
    for (let n = 0; n < 100; n++) await publish("user:up", "tick", n);
    for (let attempts = 0; socket.io.engine.transport.name !== "websocket"; attempts++) {
      assert.ok(attempts < 100, "the client still polls");
      await pause(50);
    }
    await publish("user:up", "tick", 100);
    for (let attempts = 0; seen.length < 101 && attempts < 50; attempts++) await pause(50);
    assert.deepEqual(seen, Array.from({ length: 101 }, (_, n) => n));
  });

  test("stays open over several heartbeats", async () => {
    for (const transport of ["polling", "websocket"]) {
      const socket = connect({ token: token("42") }, { transports: [transport], reconnection: false });
      await once(socket, "connect");
      let pings = 0;
      socket.io.on("ping", () => pings++);
      await pause(3_500);
      assert.ok(socket.connected && pings >= 2, `${transport}: ${pings} pings`);
    }
  });

  test("an unknown namespace is rejected", async () => {
    const socket = io(`http://${gateway.clients}/admin`, { auth: { token: token("42") }, forceNew: true });
    sockets.push(socket);
    assert.equal((await once(socket, "connect_error"))[0].message, "Invalid namespace");
  });

  test("a disconnect by the client ends the session at once", async () => {
    const socket = connect({ token: token("leaver") });
    await once(socket, "connect");
    const reason = once(socket, "disconnect");
    socket.disconnect();
    assert.equal((await reason)[0], "io client disconnect");
    const sessions = async () => (await (await fetch(`http://${gateway.services}/v1/users/leaver`)).json()).sessions.length;
    for (let attempts = 0; (await sessions()) > 0; attempts++) {
      assert.ok(attempts < 40, "the session still exists");
      await pause(50);
    }
  });
});

describe("authentication", () => {
  for (const [name, auth, code] of [
    ["no token", () => ({}), "token_missing"],
    ["a malformed token", () => ({ token: "abc" }), "token_malformed"],
    ["an expired token", () => ({ token: token("42", { lifetime: -60 }) }), "token_expired"],
    ["a token of another signer", () => ({ token: token("42", { secret: "another" }) }), "token_signature"],
  ]) {
    test(`${name} is a connect_error with its code`, async () => {
      for (const transports of [["polling"], ["websocket"]]) {
        const socket = connect(auth(), { transports });
        const [error] = await once(socket, "connect_error");
        assert.equal(error.data?.code, code);
        assert.ok(error.message.length > 10 && !error.message.includes(auth().token ?? "?"), error.message);
        assert.equal(socket.active, false, "the client does not retry by itself");
        socket.disconnect();
      }
    });
  }

  test("a rejected client may retry with another token", async () => {
    const socket = connect({ token: "abc" });
    await once(socket, "connect_error");
    socket.auth = { token: token("42") };
    socket.connect();
    await once(socket, "connect");
  });

  test("a client may fetch a new token for each connection", async () => {
    let fetched = 0;
    const socket = connect((send) => send({ token: token("42", { n: ++fetched }) }));
    await once(socket, "connect");
    socket.io.engine.close();
    await once(socket, "connect");
    assert.equal(fetched, 2);
  });

  test("the token may come in a header", async () => {
    const socket = connect(undefined, { extraHeaders: { authorization: `Bearer ${token("42")}` } });
    await once(socket, "connect");
  });

  test("an expired token is a disconnect by the server, after wirebell.close", async () => {
    const socket = connect({ token: token("42", { lifetime: 2 }) });
    const closed = first(socket, "wirebell.close");
    const [reason] = await once(socket, "disconnect");
    assert.equal(reason, "io server disconnect");
    assert.equal((await closed)[0].code, 4401);
  });
});

describe("acknowledgements", () => {
  test("the client's callback acknowledges the event", async () => {
    const socket = connect({ token: token("ack") });
    await once(socket, "connect");
    const event = first(socket, "paid");
    const { id } = await publish("user:ack", "paid", 1, { receipt: true });
    const [data, about, callback] = await event;
    assert.deepEqual([data, about.id, typeof callback], [1, id, "function"]);
    const state = async (wait) => (await (await fetch(`http://${gateway.services}/v1/events/${id}${wait}`)).json()).channels[0].state;
    assert.equal(await state(""), "accepted");
    callback();
    assert.equal(await state("?wait=10"), "acknowledged");
  });

  test("a request's callback gets the server's reply", async () => {
    const socket = connect({ token: token("42", { topics: ["news"] }) });
    await once(socket, "connect");
    const request = (...all) => socket.timeout(5_000).emitWithAck(...all);
    const replies = await Promise.all([
      request("wirebell.subscribe", { channel: "topic:news" }),
      request("wirebell.subscribe", { channel: "topic:other" }),
      request("wirebell.ping"),
    ]);
    assert.equal(replies[0].channel, "topic:news");
    assert.equal(replies[1].error.code, "not_allowed");
    assert.equal(replies[2], null);
  });

  test("the reply to an event that may not be emitted is an error", async () => {
    const socket = connect({ token: token("42") });
    await once(socket, "connect");
    const reply = await socket.timeout(5_000).emitWithAck("send-message", { text: "hello" });
    assert.equal(typeof reply.error.code, "string");
    assert.equal(typeof reply.error.message, "string");
  });
});

describe("reconnection", () => {
  test("a client reconnects with its last cursor and gets the missed events", async () => {
    let cursor;
    const seen = [];
    const socket = connect((send) => send({ token: token("back"), cursor }));
    const record = (n, about) => { seen.push(n); cursor = about.cursor; };
    socket.on("tick", record);
    await once(socket, "connect");
    await publish("user:back", "tick", 0);
    for (let attempts = 0; seen.length < 1 && attempts < 50; attempts++) await pause(20);
    const [disconnected, reconnected] = [once(socket, "disconnect"), once(socket, "connect")];
    socket.io.engine.close();
    await disconnected;
    for (let n = 1; n <= 20; n++) await publish("user:back", "tick", n);
    await reconnected;
    for (let attempts = 0; seen.length < 21 && attempts < 50; attempts++) await pause(50);
    assert.deepEqual(seen, Array.from({ length: 21 }, (_, n) => n));
  });

  test("a stopped node is a transport close, after which the client reconnects", async () => {
    const settings = { "drain.notice": "50ms", "drain.window": "200ms" };
    const node = await Gateway.start(settings);
    const socket = connect({ token: token("42") }, {}, node);
    await once(socket, "connect");
    const notice = first(socket, "wirebell.reconnect");
    const ended = once(socket, "disconnect");
    await node.stop();
    assert.equal((await notice)[0].reason, "drain");
    assert.equal((await ended)[0], "transport close");
    assert.equal(socket.active, true);
    const reconnected = once(socket, "connect");
    const again = await Gateway.start(settings, node.clients);
    await reconnected;
    socket.disconnect();
    await again.stop();
  });
});

describe("special events", () => {
  test("a type that Socket.IO clients reserve arrives as wirebell.event", async () => {
    const socket = connect({ token: token("kept") });
    await once(socket, "connect");
    const event = first(socket, "wirebell.event");
    await publish("user:kept", "disconnect", { a: 1 });
    const [data, about] = await event;
    assert.deepEqual([data, about.type], [{ a: 1 }, "disconnect"]);
    assert.equal(socket.connected, true);
  });

  test("binary data is rejected, and the connection stays open", async () => {
    for (const transports of [["polling"], ["websocket"]]) {
      const socket = connect({ token: token("42") }, { transports });
      await once(socket, "connect");
      const error = first(socket, "wirebell.error");
      socket.emit("picture", Buffer.from([1, 2, 3]));
      assert.equal((await error)[0].code, "binary_frame");
      assert.equal(socket.connected, true);
    }
  });
});

describe("Engine.IO", () => {
  const at = (query) => `http://${gateway.clients}/socket.io/?${query}`;
  const code = async (query, options) => {
    const response = await fetch(at(query), options);
    return [response.status, (await response.json()).code];
  };

  test("a bad request gets Engine.IO's error number", async () => {
    assert.deepEqual(await code("EIO=4&transport=pigeon"), [400, 0]);
    assert.deepEqual(await code("EIO=4&transport=polling&sid=unknown"), [400, 1]);
    assert.deepEqual(await code("EIO=4&transport=polling", { method: "POST", body: "3" }), [400, 2]);
    assert.deepEqual(await code("EIO=3&transport=polling"), [400, 5]);
  });

  test("a handshake has the members that the specification requires", async () => {
    const response = await fetch(at("EIO=4&transport=polling"));
    const text = await response.text();
    assert.equal(text[0], "0");
    const { sid, upgrades, pingInterval, pingTimeout, maxPayload } = JSON.parse(text.slice(1));
    assert.match(sid, /^[\w-]{20}$/);
    assert.deepEqual([upgrades, pingInterval, maxPayload], [["websocket"], 1000, 65536]);
    assert.ok(pingTimeout > 0);
  });

  test("two simultaneous polls end the connection", async () => {
    const { sid } = JSON.parse((await (await fetch(at("EIO=4&transport=polling"))).text()).slice(1));
    const polls = [fetch(at(`EIO=4&transport=polling&sid=${sid}`))];
    await pause(100);
    polls.push(fetch(at(`EIO=4&transport=polling&sid=${sid}`)));
    assert.equal((await polls[1]).status, 400);
    assert.equal(await (await polls[0]).text(), "1");
    assert.deepEqual(await code(`EIO=4&transport=polling&sid=${sid}`), [400, 1]);
  });

  test("a connection without authentication is closed after the timeout", async () => {
    const { sid } = JSON.parse((await (await fetch(at("EIO=4&transport=polling"))).text()).slice(1));
    assert.equal(await (await fetch(at(`EIO=4&transport=polling&sid=${sid}`))).text(), "1");
  });
});
