// Invalid input: the errors for an invalid URL, option or event, and for a bus that rejects the
// publisher.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sdk } from "./support/package.mjs";
import { Redis } from "./support/redis.mjs";

const { ConfigurationError, InvalidEventError, Publisher, RefusedError, WirebellError, parseEvent, rawJson } = sdk;

test("an invalid URL is rejected with what was expected", async () => {
  for (const [url, found] of [
    [undefined, "not a string"],
    ["", "no scheme"],
    ["127.0.0.1:6379", "no scheme"],
    ["ftp://127.0.0.1", "unsupported scheme"],
    ["redis:/127.0.0.1", "no scheme"],
    ["redis://", "no host"],
    ["redis://:s3cret@", "cannot be parsed"],
    ["redis://:s3cret@host:port", "cannot be parsed"],
    ["redis://:s3cret@host:70000", "cannot be parsed"],
    ["redis://:s3cret%@host", "`%`"],
    ["redis://host/first", "database"],
    ["rediss://host/#insecure", "#insecure"],
    ["redis-cluster://host/1", "database"],
    ["redis-cluster://host?node=other", "`node`"],
    ["redis-sentinel://host", "sentinelServiceName"],
    ["http://user:s3cret@host", "serviceKey"],
    ["http://host?key=s3cret", "query"],
    ["https://host:port", "cannot be parsed"],
  ]) {
    const is = (error) => error instanceof ConfigurationError && error.code === "bad_url" && error.message.includes(found) && error.message.includes("expected `redis://") && !error.message.includes("s3cret");
    assert.throws(() => new Publisher(url), is, String(url));
    await assert.rejects(Publisher.connect(url), is, String(url));
  }
});

test("an invalid or unknown option is rejected", () => {
  for (const [options, name] of [
    [{ prefix: "a b" }, "prefix"],
    [{ prefix: "" }, "prefix"],
    [{ serviceKey: "a\nb" }, "serviceKey"],
    [{ serviceKey: "" }, "serviceKey"],
    [{ timeout: "5s" }, "timeout"],
    [{ timeout: 0 }, "timeout"],
    [{ answerTimeout: Number.NaN }, "answerTimeout"],
    [{ bufferEvents: -1 }, "bufferEvents"],
    [{ durability: "gold" }, "durability"],
    [{ retention: { logEvent: 1 } }, "retention.logEvent"],
    [{ retention: { logMillis: -1 } }, "retention.logMillis"],
    [{ logRules: [{ events: 1, millis: 1 }] }, "logRules"],
    [{ timeOut: 1 }, "timeOut"],
  ]) {
    const is = (error) => error instanceof ConfigurationError && error.code === "bad_option" && error.message.includes(`\`${name}\``);
    assert.throws(() => new Publisher("redis://127.0.0.1", options), is, JSON.stringify(options));
    assert.throws(() => new Publisher({ url: "redis://127.0.0.1", ...options }), is, JSON.stringify(options));
  }
});

test("the error for an invalid event names the attribute and what was expected", async () => {
  const wb = new Publisher("redis://127.0.0.1:1", { logger: false });
  const event = { to: "user:42", type: "t", data: 1 };
  const loop = { name: "s3cret" };
  loop.self = loop;
  const many = (count) => Array.from({ length: count }, (_, at) => `user:${at}`);
  for (const [wrong, attribute, words, code = "invalid_event"] of [
    [null, "event", "found null"],
    [[event], "event", "found an array"],
    [{ ...event, colour: "red" }, "event", '"colour"'],
    [{ ...event, deliver_at: "x" }, "event", "did you mean `deliverAt`"],
    [{ type: "t", data: 1 }, "to", "required"],
    [{ to: "user:42", data: 1 }, "type", "required"],
    [{ to: "user:42", type: "t" }, "data", "required"],
    [{ ...event, data: undefined }, "data", "required"],
    [{ ...event, data: 1n }, "data", "BigInt"],
    [{ ...event, data: { deep: [1n] } }, "data", "BigInt"],
    [{ ...event, data: loop }, "data", "cycle"],
    [{ ...event, data: () => {} }, "data", "a function"],
    [{ ...event, data: Symbol("s") }, "data", "a symbol"],
    [{ ...event, data: { toJSON() { throw new Error("mine"); } } }, "data", "mine"],
    [{ ...event, data: rawJson('"\ud800"') }, "data", "surrogate"],
    [{ ...event, data: "x".repeat(1024 * 1024 - 1) }, "data", "1048577 bytes; at most 1048576", "too_large"],
    [{ ...event, data: "é".repeat(512 * 1024) }, "data", "1048578 bytes", "too_large"],
    [{ ...event, to: many(1_001) }, "to", "1001 channels", "too_large"],
    [{ ...event, to: many(100), data: "x".repeat(400_000) }, "to", "over all channels", "too_large"],
    [{ ...event, to: [] }, "to", "empty"],
    [{ ...event, to: ["user:42", 7] }, "to", "each a string"],
    [{ ...event, to: 7 }, "to", "another number"],
    [{ ...event, to: "42" }, "to", "user:<id>"],
    [{ ...event, to: "user:a b" }, "to", "space"],
    [{ ...event, to: "conn:nowhere" }, "to", "connection id"],
    [{ ...event, to: `user:${"x".repeat(252)}` }, "to", "256 bytes"],
    [{ ...event, type: "wirebell.welcome" }, "type", "reserved"],
    [{ ...event, type: "" }, "type", "empty"],
    [{ ...event, type: "a\tb" }, "type", "control"],
    [{ ...event, type: "x".repeat(257) }, "type", "256 bytes", "too_large"],
    [{ ...event, id: 7 }, "id", "a string"],
    [{ ...event, class: "eternal" }, "class", "`durable` or `retained` or `volatile`"],
    [{ ...event, key: "k" }, "key", 'class: "retained"'],
    [{ ...event, ttl: 0 }, "ttl", "1 to"],
    [{ ...event, ttl: 2.5 }, "ttl", "whole seconds"],
    [{ ...event, deadline: "20" }, "deadline", "whole seconds"],
    [{ ...event, deadline: 604_801 }, "deadline", "1 to 604800"],
    [{ ...event, deadline: 20, class: "volatile" }, "deadline", "durable"],
    [{ ...event, deliverAt: "tomorrow" }, "deliverAt", "RFC 3339"],
    [{ ...event, deliverAt: new Date(Number.NaN) }, "deliverAt", "RFC 3339"],
    [{ ...event, deliverAt: 1_763_719_200_000 }, "deliverAt", "RFC 3339"],
    [{ ...event, time: "2026-02-29T10:00:00Z" }, "time", "RFC 3339"],
    [{ ...event, receipt: 1 }, "receipt", "`true` or `false`"],
    [{ ...event, durability: "gold" }, "durability", "`primary` or `replicated`"],
    [{ ...event, durability: "replicated", class: "volatile" }, "durability", "not stored"],
    [{ ...event, traceparent: "00-0" }, "traceparent", "W3C"],
    [{ ...event, to: "conn:abcdefgh.1", class: "retained" }, "to", "never used again"],
  ]) {
    const is = (error) => {
      assert.ok(error instanceof InvalidEventError && error instanceof WirebellError && error instanceof Error);
      assert.deepEqual([error.attribute, error.code, error.name], [attribute, code, "InvalidEventError"]);
      assert.ok(error.message.includes(words), `${error.message} does not contain ${words}`);
      return !error.message.includes("s3cret");
    };
    await assert.rejects(wb.publish(wrong), is);
  }
  assert.throws(() => parseEvent('{"to":"all","to":"all","type":"t","data":1}'), { code: "invalid_event", attribute: "event" });
  assert.throws(() => rawJson("{"), SyntaxError);
  await wb.close({ timeout: 0 });
});

test("a Redis that rejects the login and a Redis that is down have different errors", async () => {
  const locked = await Redis.start("--requirepass", "right");
  for (const [secret, code] of [[":wrong@", "WRONGPASS"], ["nobody:wrong@", "WRONGPASS"], ["", "NOAUTH"]]) {
    const url = `redis://${secret}127.0.0.1:${locked.port}`;
    const is = (error) => error instanceof RefusedError && error.code === code && error.status === undefined && !error.message.includes("wrong@");
    await assert.rejects(Publisher.connect(url, { logger: false }), is, url);
    const lazy = new Publisher(url, { logger: false });
    const start = Date.now();
    await assert.rejects(lazy.publish({ to: "user:1", type: "t", data: 1 }), is, url);
    assert.ok(Date.now() - start < 4_000, "publish does not wait when a retry cannot help");
    await lazy.close();
  }
  // A user without the permission for an unneeded command can publish.
  await locked.ask("ACL", "SETUSER", "shop", "on", ">s3cret", "~wb:*", "&*", "+@all", "-flushall");
  const wb = await Publisher.connect(`redis://shop:s3cret@127.0.0.1:${locked.port}`);
  assert.match((await wb.publish({ to: "user:1", type: "t", data: 1 })).cursor, /^\d+-\d+$/);
  await wb.close();
  await locked.stop();

  const logged = [];
  const logger = { warn: (message, fields) => logged.push(fields.code), error: () => {} };
  const down = await Publisher.connect(`redis://127.0.0.1:${locked.port}`, { timeout: 300, logger });
  assert.deepEqual(logged, ["unavailable"], "a service must be able to start while Redis is down");
  await assert.rejects(down.publish({ to: "user:1", type: "t", data: 1 }), { name: "UnavailableError", code: "unavailable" });
  await down.close();
});

test("the error for an unknown host contains the message of the system", async () => {
  const logged = [];
  const logger = { warn: (_, fields) => logged.push(fields), error: () => {} };
  // The timeout is longer than the name servers may take.
  const nowhere = await Publisher.connect("redis://no-such-host.invalid:6379", { connectTimeout: 30_000, logger });
  await nowhere.close();
  assert.equal(logged[0].code, "unavailable");
  assert.match(logged[0].error, /no-such-host\.invalid:6379: .*(?:ENOTFOUND|EAI_AGAIN)/);
});
