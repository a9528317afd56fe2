// Clients that use the subprotocol `cloudevents.json`.
import { CloudEvent, HTTP } from "cloudevents";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, Gateway, post, python, token } from "./client.mjs";

let gateway;
before(async () => { gateway = await Gateway.start(); });
after(() => gateway.stop());

let created = 0;
const cloudEvent = (type, data, more = {}) => new CloudEvent({ id: `${(created += 1)}`, source: "/app", type, data, ...more });

test("the subprotocol is the first offer that the node knows", async () => {
  const protocolOf = async (...offers) => {
    const { socket } = await Client.open(gateway, { offers: [...offers, `wirebell.bearer.${token("1")}`], parse: JSON.parse });
    socket.close();
    return socket.protocol;
  };
  assert.equal(await protocolOf("cloudevents.avro", "cloudevents.json", "wirebell.v1"), "cloudevents.json");
  assert.equal(await protocolOf("wirebell.v1", "cloudevents.json"), "wirebell.v1");
});

test("a published event arrives as the same CloudEvent", async () => {
  const client = await Client.cloudevents(gateway, "42");
  assert.equal(client.socket.protocol, "cloudevents.json");
  assert.deepEqual([client.welcome.source, client.welcome.data.user, client.welcome.data.device], ["wirebell", "42", "phone"]);
  const sent = new CloudEvent({ source: "/shop?a=1#b", type: "paid", wirebellto: "user:42", data: { a: [1, null, "é"] }, time: "2026-11-21T10:00:00.123Z" });
  const { result } = await post(gateway, HTTP.structured(sent));
  const got = await client.next("paid");
  const of = ({ id, source, type, time, data }) => ({ id, source, type, time, data });
  assert.deepEqual(of(got), of(sent));
  assert.deepEqual([got.wirebellchannel, got.wirebellcursor, got.wirebellack], ["user:42", result.cursor, undefined]);
  client.close();
});

test("an event without a source, or with a source that is not a URI, arrives as a valid CloudEvent", async () => {
  const client = await Client.cloudevents(gateway, "42");
  for (const [source, expected] of [["my shop: é", "my%20shop%3A%20%C3%A9"], [undefined, "wirebell"]]) {
    await gateway.publish({ to: "user:42", type: "t", data: null, source, class: "retained", key: "k" });
    const got = await client.next("t");
    assert.deepEqual([got.source, got.wirebellkey, got.wirebellcursor], [expected, "k", undefined]);
  }
  client.close();
});

test("requests and replies are CloudEvents", async () => {
  const client = await Client.cloudevents(gateway, "44", { claims: { topics: ["news*"] } });
  client.send(cloudEvent("wirebell.subscribe", { channel: "topic:news" }, { wirebellref: "7" }));
  const reply = await client.next("wirebell.reply");
  assert.deepEqual([reply.wirebellref, reply.data.channel], ["7", "topic:news"]);
  await gateway.publish({ to: "topic:news", type: "news", data: 1 });
  assert.equal((await client.next("news")).wirebellchannel, "topic:news");
  client.send(cloudEvent("wirebell.subscribe", { channel: "topic:other" }, { wirebellref: "8" }));
  const error = await client.next("wirebell.error");
  assert.deepEqual([error.wirebellref, error.data.code], ["8", "not_allowed"]);
  client.send(cloudEvent("wirebell.ping", undefined, { wirebellref: "9" }));
  assert.equal((await client.next("wirebell.pong")).wirebellref, "9");
  const { id } = await gateway.publish({ to: "user:44", type: "tracked", data: 1, receipt: true });
  const tracked = await client.next("tracked");
  assert.equal(tracked.wirebellack, true);
  client.send(cloudEvent("wirebell.ack", { channel: "user:44", cursor: tracked.wirebellcursor }));
  const receipt = await (await fetch(`http://${gateway.services}/v1/events/${id}?wait=10`)).json();
  assert.equal(receipt.channels[0].state, "acknowledged");
  client.send(cloudEvent("wirebell.unsubscribe", { channel: "topic:news" }, { wirebellref: "10" }));
  assert.equal((await client.next("wirebell.reply")).wirebellref, "10");
  client.close();
});

test("the error for an invalid CloudEvent is a CloudEvent, and the connection stays open", async () => {
  const client = await Client.cloudevents(gateway, "45");
  for (const text of ["{}", "nonsense", JSON.stringify({ type: "wirebell.ping" })]) {
    client.send(text);
    assert.equal((await client.next("wirebell.error")).data.code, "bad_frame");
  }
  client.send(cloudEvent("wirebell.ping"));
  await client.next("wirebell.pong");
  client.close();
});

test("the error for an emitted event has its ref", async () => {
  const client = await Client.cloudevents(gateway, "49", { claims: { emit: ["send-*"] } });
  for (const [type, ref, code] of [["buy", "11", "not_allowed"], ["send-message", "12", "no_service"]]) {
    client.send(cloudEvent(type, { text: "hi" }, { wirebellref: ref }));
    const error = await client.next("wirebell.error");
    assert.deepEqual([error.wirebellref, error.data.code], [ref, code]);
  }
  client.close();
});

test("the token may be in the first frame, in a header or in the query", async () => {
  const late = await Client.open(gateway, { offers: ["cloudevents.json"], waitForWelcome: false });
  late.send(cloudEvent("wirebell.auth", { token: token("46") }));
  assert.equal((await late.next("wirebell.welcome")).data.user, "46");
  late.close();
  const offers = ["cloudevents.json"];
  const options = [{ headers: { authorization: `Bearer ${token("46")}` } }, { query: `?access_token=${token("46")}` }];
  for (const option of options) {
    const client = await Client.open(gateway, { offers, ...option });
    assert.equal(client.welcome.data.user, "46");
    client.close();
  }
  const rejected = await Client.open(gateway, { offers, query: "?access_token=x", waitForWelcome: false });
  assert.equal((await rejected.next("wirebell.error")).data.code, "token_malformed");
  assert.equal(await rejected.closed, 4401);
});

test("missed events are replayed from the log in order, as CloudEvents", async () => {
  for (let n = 0; n < 300; n += 1) await gateway.publish({ to: "user:47", type: "n", data: { n } });
  const client = await Client.cloudevents(gateway, "47", { query: "?cursor=0-0" });
  assert.equal(client.welcome.data.recovered, true);
  for (let n = 0; n < 300; n += 1) assert.equal((await client.next("n")).data.n, n);
  await gateway.publish({ to: "user:47", type: "n", data: { n: 300 } });
  assert.equal((await client.next("n")).data.n, 300);
  client.close();
});

test("the Python SDK reads the events", async () => {
  const listening = python("listen.py", `ws://${gateway.clients}/ws`, token("48"), "2");
  for (;;) {
    const { channels } = await gateway.publish({ to: "user:48", type: "t", data: { euro: "€" }, source: "my shop" });
    if (channels[0].nodes > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [welcome, event] = await listening;
  assert.deepEqual([welcome.type, welcome.data.user, welcome.subprotocol], ["wirebell.welcome", "48", "cloudevents.json"]);
  assert.deepEqual([event.type, event.source, event.data, event.channel], ["t", "my%20shop", { euro: "€" }, "user:48"]);
});
