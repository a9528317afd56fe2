// Clients that speak CloudEvents.
import { CloudEvent, HTTP } from "cloudevents";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, Gateway, post, python, token } from "./stage.mjs";

let gateway;
before(async () => { gateway = await Gateway.start(); });
after(() => gateway.stop());

let made = 0;
const say = (type, data, more = {}) => new CloudEvent({ id: `${(made += 1)}`, source: "/app", type, data, ...more });

test("the subprotocol is the first that both know", async () => {
  const protocolOf = async (...offers) => {
    const { socket } = await Client.open(gateway, { offers: [...offers, `wirebell.bearer.${token("1")}`], parse: JSON.parse });
    socket.close();
    return socket.protocol;
  };
  assert.equal(await protocolOf("cloudevents.avro", "cloudevents.json", "wirebell.v1"), "cloudevents.json");
  assert.equal(await protocolOf("wirebell.v1", "cloudevents.json"), "wirebell.v1");
});

test("what a service publishes arrives as what the SDK calls the same event", async () => {
  const client = await Client.cloudevents(gateway, "42");
  assert.equal(client.socket.protocol, "cloudevents.json");
  assert.deepEqual([client.welcome.source, client.welcome.data.user, client.welcome.data.device], ["wirebell", "42", "phone"]);
  const sent = new CloudEvent({ source: "/shop?a=1#b", type: "paid", wirebellto: "user:42", data: { a: [1, null, "é"] }, time: "2026-11-21T10:00:00.123Z" });
  const { answer } = await post(gateway, HTTP.structured(sent));
  const got = await client.next("paid");
  const of = ({ id, source, type, time, data }) => ({ id, source, type, time, data });
  assert.deepEqual(of(got), of(sent));
  assert.deepEqual([got.wirebellchannel, got.wirebellcursor, got.wirebellack], ["user:42", answer.cursor, undefined]);
  client.close();
});

test("an event whose source is no URI, or that has none, is a CloudEvent all the same", async () => {
  const client = await Client.cloudevents(gateway, "42");
  for (const [source, expected] of [["my shop: é", "my%20shop%3A%20%C3%A9"], [undefined, "wirebell"]]) {
    await gateway.publish({ to: "user:42", type: "t", data: null, source, class: "retained", key: "k" });
    const got = await client.next("t");
    assert.deepEqual([got.source, got.wirebellkey, got.wirebellcursor], [expected, "k", undefined]);
  }
  client.close();
});

test("commands are CloudEvents, and so are their answers", async () => {
  const client = await Client.cloudevents(gateway, "44", { claims: { topics: ["news*"] } });
  client.say(say("wirebell.subscribe", { channel: "topic:news" }, { wirebellref: "7" }));
  const reply = await client.next("wirebell.reply");
  assert.deepEqual([reply.wirebellref, reply.data.channel], ["7", "topic:news"]);
  await gateway.publish({ to: "topic:news", type: "news", data: 1 });
  assert.equal((await client.next("news")).wirebellchannel, "topic:news");
  client.say(say("wirebell.subscribe", { channel: "topic:other" }, { wirebellref: "8" }));
  const error = await client.next("wirebell.error");
  assert.deepEqual([error.wirebellref, error.data.code], ["8", "not_allowed"]);
  client.say(say("wirebell.ping", undefined, { wirebellref: "9" }));
  assert.equal((await client.next("wirebell.pong")).wirebellref, "9");
  const { answer } = { answer: await gateway.publish({ to: "user:44", type: "watched", data: 1, receipt: true }) };
  const watched = await client.next("watched");
  assert.equal(watched.wirebellack, true);
  client.say(say("wirebell.ack", { channel: "user:44", cursor: watched.wirebellcursor }));
  const receipt = await (await fetch(`http://${gateway.services}/v1/events/${answer.id}?wait=10`)).json();
  assert.equal(receipt.channels[0].state, "acknowledged");
  client.say(say("wirebell.unsubscribe", { channel: "topic:news" }, { wirebellref: "10" }));
  assert.equal((await client.next("wirebell.reply")).wirebellref, "10");
  client.close();
});

test("what is no CloudEvent is refused in one, and the connection stays", async () => {
  const client = await Client.cloudevents(gateway, "45");
  for (const text of ["{}", "nonsense", JSON.stringify({ type: "wirebell.ping" })]) {
    client.say(text);
    assert.equal((await client.next("wirebell.error")).data.code, "bad_frame");
  }
  client.say(say("wirebell.ping"));
  await client.next("wirebell.pong");
  client.close();
});

test("an event for the services is answered by its ref", async () => {
  const client = await Client.cloudevents(gateway, "49", { claims: { emit: ["send-*"] } });
  for (const [type, ref, code] of [["buy", "11", "not_allowed"], ["send-message", "12", "no_service"]]) {
    client.say(say(type, { text: "hi" }, { wirebellref: ref }));
    const error = await client.next("wirebell.error");
    assert.deepEqual([error.wirebellref, error.data.code], [ref, code]);
  }
  client.close();
});

test("the token may be the first frame, or stand in header or query", async () => {
  const late = await Client.open(gateway, { offers: ["cloudevents.json"], waits: false });
  late.say(say("wirebell.auth", { token: token("46") }));
  assert.equal((await late.next("wirebell.welcome")).data.user, "46");
  late.close();
  const offers = ["cloudevents.json"];
  const ways = [{ headers: { authorization: `Bearer ${token("46")}` } }, { query: `?access_token=${token("46")}` }];
  for (const way of ways) {
    const client = await Client.open(gateway, { offers, ...way });
    assert.equal(client.welcome.data.user, "46");
    client.close();
  }
  const refused = await Client.open(gateway, { offers, query: "?access_token=x", waits: false });
  assert.equal((await refused.next("wirebell.error")).data.code, "token_malformed");
  assert.equal(await refused.closed, 4401);
});

test("what was missed is read from the log, in order, as CloudEvents", async () => {
  for (let n = 0; n < 300; n += 1) await gateway.publish({ to: "user:47", type: "n", data: { n } });
  const client = await Client.cloudevents(gateway, "47", { query: "?cursor=0-0" });
  assert.equal(client.welcome.data.recovered, true);
  for (let n = 0; n < 300; n += 1) assert.equal((await client.next("n")).data.n, n);
  await gateway.publish({ to: "user:47", type: "n", data: { n: 300 } });
  assert.equal((await client.next("n")).data.n, 300);
  client.close();
});

test("the SDK for Python reads them, too", async () => {
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
