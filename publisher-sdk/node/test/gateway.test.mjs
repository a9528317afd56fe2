// With a real node and real clients, over Redis and over HTTP: delivery, acknowledgements,
// fallback, scheduling.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Gateway, KEY } from "./support/gateway.mjs";
import { sdk } from "./support/package.mjs";
import { Redis, eventually } from "./support/redis.mjs";

const { Fallbacks, NotAcknowledgedError, Publisher, rawJson } = sdk;
let redis, gateway;
const publishers = {};

before(async () => {
  redis = await Redis.start();
  gateway = await Gateway.start(redis);
  publishers.Redis = await Publisher.connect(redis.url);
  publishers.HTTP = await Publisher.connect(gateway.url, { serviceKey: KEY });
});
after(async () => {
  await Promise.all(Object.values(publishers).map((wb) => wb.close()));
  await gateway?.stop();
  await redis.stop();
});

const ends = (code) => (error) => error instanceof NotAcknowledgedError && error.code === code;

for (const over of ["Redis", "HTTP"]) {
  test(`over ${over}, a client gets the event byte for byte, and the publisher gets the acknowledgement`, async () => {
    const wb = publishers[over];
    const user = `seen-${over}`;
    const client = await gateway.client(user, { device: "laptop" });
    const following = publishers.Redis.follow({ only: ({ channel }) => channel === `user:${user}` });
    const data = rawJson('{ "status":"paid", "sum":1.00, "name":"Zoë \\u00e9" }');
    const time = new Date("2026-11-21T10:00:00.123Z");
    const published = await wb.publish({ to: `user:${user}`, type: "payment-status", data, time, source: "payments", receipt: true });
    assert.equal(published.nodes, 1);
    const expected = `{"type":"payment-status","id":"${published.id}","channel":"user:${user}","cursor":"${published.cursor}","time":"2026-11-21T10:00:00.123Z","source":"payments","data":${data.text},"ack":true}`;
    assert.equal(await client.next("payment-status"), expected);

    const seen = await published.acknowledged({ timeout: 5_000 });
    assert.deepEqual({ ...seen, connection: "", at: 0 }, { id: published.id, channel: `user:${user}`, device: "laptop", connection: "", at: 0 });
    assert.ok(Math.abs(seen.at - Date.now()) < 10_000);

    const [receipt, more] = await wb.receipts(published.id);
    assert.equal(more, undefined);
    assert.deepEqual([receipt.channel, receipt.state, receipt.cursor, receipt.nodes, receipt.settledAt], [`user:${user}`, "acknowledged", published.cursor, 1, seen.at]);
    assert.deepEqual(receipt.connections.map(({ connection, device, what }) => [connection, device, what]), [[seen.connection, "laptop", "written"]]);
    assert.deepEqual(receipt.acknowledged, [{ device: "laptop", connection: seen.connection, at: seen.at }]);
    const update = await following.next();
    assert.deepEqual(update.value, { id: published.id, channel: `user:${user}`, outcome: "acknowledged", at: seen.at });
    await following.return();
    client.close();
  });

  test(`over ${over}, an event without an acknowledgement by its deadline goes to the fallback stream once`, async () => {
    const wb = publishers[over];
    const user = `silent-${over}`;
    const client = await gateway.client(user, { acknowledges: false });
    const fallbacks = await Fallbacks.connect(redis.url, `text-messages-${over}`);
    const published = await wb.publish({ to: `user:${user}`, type: "t", data: { sum: 7 }, deadline: 1 });
    assert.equal(JSON.parse(await client.next("t")).ack, true);
    await assert.rejects(published.acknowledged({ timeout: 10_000 }), ends("fallen_back"));
    const taken = [];
    const running = fallbacks.run((fallback) => void taken.push(fallback));
    // The group is new, so it also gets the fallback events of other tests.
    const ours = () => taken.filter(({ channel }) => channel === `user:${user}`);
    await eventually("the fallback event is handled", () => ours().length > 0 && fallbacks.counters().done === taken.length);
    assert.equal(ours().length, 1);
    const [{ id, channel, event, tries }] = ours();
    assert.deepEqual({ id, channel, tries, data: event.data, cursor: event.cursor }, { id: published.id, channel: `user:${user}`, tries: 1, data: { sum: 7 }, cursor: published.cursor });
    await fallbacks.close();
    await running;
    const [receipt] = await wb.receipts(published.id);
    assert.equal(receipt.state, "fallen_back");
    client.close();
  });

  test(`over ${over}, the error code says why there is no acknowledgement`, async () => {
    const wb = publishers[over];
    const user = `ends-${over}`;
    const event = { to: `user:${user}`, type: "t", data: 1 };
    await assert.rejects((await wb.publish(event)).acknowledged(), ends("not_watched"));
    await assert.rejects((await wb.publish({ ...event, class: "volatile", receipt: true })).acknowledged(), ends("not_watched"));
    const start = Date.now();
    await assert.rejects((await wb.publish({ ...event, receipt: true })).acknowledged({ timeout: 300 }), ends("not_in_time"));
    assert.ok(Date.now() - start >= 290 && Date.now() - start < 5_000);
    await assert.rejects((await wb.publish({ ...event, receipt: true, ttl: 1 })).acknowledged({ timeout: 10_000 }), ends("expired"));
    assert.deepEqual(await wb.receipts("never published"), []);
  });

  test(`over ${over}, a scheduled event waits for its time, or is cancelled`, async () => {
    const wb = publishers[over];
    const user = `later-${over}`;
    const client = await gateway.client(user);
    const at = new Date(Date.now() + 1_000);
    const [one, two] = await Promise.all(["one", "two"].map((type) => wb.publish({ to: `user:${user}`, type, data: 1, deliverAt: at, receipt: true, id: `${type}/${over}` })));
    assert.deepEqual([one.isScheduled, one.cursor, one.nodes], [true, undefined, 0]);
    assert.equal((await wb.receipts(one.id))[0].deliverAt, at.getTime());
    assert.equal(await wb.cancel(two.id), "cancelled");
    assert.equal(await wb.cancel(two.id), "cancelled");
    assert.equal(await wb.cancel("never published"), "unknown");
    await assert.rejects(two.acknowledged({ timeout: 5_000 }), ends("cancelled"));
    assert.deepEqual(await redis.receiptOutcomes(two.id), ["cancelled"]);
    assert.equal(JSON.parse(await client.next("one")).id, one.id);
    assert.ok(Date.now() >= at.getTime());
    assert.equal((await one.acknowledged({ timeout: 5_000 })).device, "phone");
    assert.equal(await wb.cancel(one.id), "published");
    // A `deliverAt` in the past means now.
    assert.equal((await wb.publish({ to: `user:${user}`, type: "past", data: 1, deliverAt: "2020-01-01T00:00:00Z" })).isScheduled, false);
    assert.equal(JSON.parse(await client.next("past")).data, 1);
    client.close();
  });
}

test("the same id is one event over Redis and HTTP together", async () => {
  const event = { to: "user:twice", type: "t", data: 1, id: "order-7" };
  const first = await publishers.Redis.publish(event);
  assert.deepEqual((await publishers.HTTP.publish({ ...event, data: 2 })).toJSON(), first.toJSON());
  const other = await publishers.HTTP.publish({ ...event, id: "order-8" });
  assert.deepEqual((await publishers.Redis.publish({ ...event, id: "order-8", data: 2 })).toJSON(), other.toJSON());
  assert.deepEqual(await redis.data("user:twice"), [1, 1]);
});

test("hundreds of calls wait for acknowledgements at the same time on one connection", async () => {
  const client = await gateway.client("busy");
  const wb = publishers.Redis;
  const results = await wb.publishAll(Array.from({ length: 800 }, (_, data) => ({ to: "user:busy", type: "t", data, receipt: true })));
  const seen = await Promise.all(results.map(({ value }) => value.acknowledged({ timeout: 20_000 })));
  assert.ok(seen.every(({ device }) => device === "phone"));
  client.close();
});
