// CloudEvents that services publish reach users.
import { CONSTANTS, CloudEvent, HTTP } from "cloudevents";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, Gateway, post, python } from "./client.mjs";

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TIME = "2026-11-21T10:00:00.123Z";
let gateway, client, created = 0;

before(async () => {
  gateway = await Gateway.start();
  client = await Client.plain(gateway, "42");
});
after(() => gateway.stop());

const event = (more = {}) =>
  new CloudEvent({ id: `js-${(created += 1)}`, source: "/payments", type: "paid", time: TIME, wirebellto: "user:42", data: { a: [1, "é"] }, ...more });

test("events of the JavaScript SDK arrive in each content mode, with id, source and data", async () => {
  for (const mode of [HTTP.structured, HTTP.binary]) {
    const sent = event({ traceparent: TRACE });
    const { status, result } = await post(gateway, mode(sent));
    assert.equal(status, 202, JSON.stringify(result));
    assert.deepEqual([result.id, result.ignored], [`/payments ${sent.id}`, undefined]);
    const { cursor, ...frame } = await client.next("paid");
    assert.equal(cursor, result.cursor);
    assert.deepEqual(frame, { type: "paid", id: sent.id, channel: "user:42", time: TIME, source: "/payments", data: { a: [1, "é"] }, traceparent: TRACE });
  }
});

const batch = (events) => post(gateway, { headers: { "content-type": CONSTANTS.MIME_CE_BATCH }, body: JSON.stringify(events) });

test("a batch has one result per event, in its order, and may be empty", async () => {
  const { wirebellto, ...unaddressed } = event({ data: 2 }).toJSON();
  const events = [event({ data: 1 }), unaddressed, event({ data: 3 })];
  const { status, result } = await batch(events);
  assert.equal(status, 207);
  assert.deepEqual(result.map(({ status }) => status), [202, 422, 202]);
  assert.equal(result[1].attribute, "wirebellto");
  assert.deepEqual([(await client.next("paid")).data, (await client.next("paid")).data], [1, 3]);
  assert.deepEqual(await batch([]), { status: 202, result: [] });
  assert.equal((await batch(event())).status, 400);
});

test("events of the Python SDK arrive in each content mode", async () => {
  const results = await python("publish.py", `http://${gateway.services}/v1/events`);
  assert.deepEqual(results.map(({ status }) => status), [202, 202, 202, 202]);
  const data = [{ mode: "structured", euro: "€" }, { mode: "binary", euro: "€" }, { mode: "batch" }];
  for (const expected of data) {
    const frame = await client.next("from-python");
    assert.deepEqual([frame.data, frame.source, frame.time], [expected, "/python", "2026-11-21T10:00:00Z"]);
  }
  // The SDK writes booleans as Python does and percent-encodes headers; text beyond ASCII arrives unchanged.
  const retained = await client.next("kept-by-python");
  assert.deepEqual([retained.key, retained.data], ["Preis in €, 100%", "als \"Text\""]);
});

test("Wirebell's attributes are extension attributes, and channels are separated by spaces", async () => {
  const topic = await Client.plain(gateway, "43");
  topic.send(JSON.stringify({ type: "wirebell.subscribe", channel: "topic:a,b", ref: "1" }));
  const error = await topic.next("wirebell.error");
  assert.equal(error.code, "not_allowed");
  const both = event({ wirebellto: "user:42 user:43", wirebellclass: "volatile" });
  assert.equal((await post(gateway, HTTP.binary(both))).status, 202);
  for (const one of [client, topic]) assert.equal((await one.next("paid")).cursor, undefined);
  const tracked = event({ wirebelldeadline: 30, wirebellttl: 60, wirebellreceipt: true, wirebelldurability: "primary" });
  const { result } = await post(gateway, HTTP.structured(tracked));
  assert.equal((await client.next("paid")).ack, true);
  const receipt = await fetch(`http://${gateway.services}/v1/events/${encodeURIComponent(result.id)}`);
  const { id, channels } = await receipt.json();
  assert.deepEqual([id, channels[0].channel, channels[0].state], [`/payments ${tracked.id}`, "user:42", "accepted"]);
  topic.close();
});

test("source and id together identify an event", async () => {
  const first = event({ id: "same", data: { n: "first" } });
  assert.equal((await post(gateway, HTTP.binary(first))).status, 202);
  const again = await post(gateway, HTTP.structured(first));
  const other = await post(gateway, HTTP.binary(event({ id: "same", source: "/refunds", data: { n: "other" } })));
  assert.deepEqual([again.status, other.status], [202, 202]);
  assert.deepEqual([(await client.next("paid")).data.n, (await client.next("paid")).data.n], ["first", "other"]);
});

test("ignored attributes are listed, and an invalid attribute is rejected by name", async () => {
  const more = event({ subject: "invoice 7", dataschema: "https://example.com/s", partitionkey: "p" });
  const { status, result } = await post(gateway, HTTP.structured(more));
  assert.deepEqual([status, result.ignored], [202, ["dataschema", "partitionkey", "subject"]]);
  await client.next("paid");
  for (const [wrong, attribute] of [
    [{ wirebellto: "42" }, "wirebellto"],
    [{ wirebelldeadlin: 20 }, "event"],
    [{ wirebellttl: "soon" }, "wirebellttl"],
    [{ type: "wirebell.welcome" }, "type"],
    [{ datacontenttype: "application/xml", data: "<a/>" }, "datacontenttype"],
    [{ datacontenttype: "application/octet-stream", data: Uint8Array.of(0, 1) }, "datacontenttype"],
  ]) {
    for (const mode of [HTTP.structured, HTTP.binary]) {
      const { status, result } = await post(gateway, mode(event(wrong)));
      assert.deepEqual([status, result.attribute], [422, attribute], JSON.stringify(wrong));
    }
  }
  const avro = await post(gateway, { headers: { "content-type": "application/cloudevents+avro" }, body: "x" });
  assert.deepEqual([avro.status, avro.result.code], [415, "bad_request"]);
});

test("text data arrives as a JSON string", async () => {
  for (const mode of [HTTP.structured, HTTP.binary]) {
    assert.equal((await post(gateway, mode(event({ datacontenttype: "text/plain", data: "say \"hi\"" })))).status, 202);
    assert.equal((await client.next("paid")).data, "say \"hi\"");
  }
});
