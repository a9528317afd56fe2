// The AsyncAPI document of the client API: valid for the official parser, and consistent with the test vectors that every
// implementation must pass.
import { Parser } from "@asyncapi/parser";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const vectors = (name) => JSON.parse(read(`protocol/vectors/${name}.json`));
const text = read("protocol/asyncapi.json");
const document = JSON.parse(text);

const ajv = new Ajv({ strict: false });
formats(ajv);
ajv.addSchema(document, "contract");
const compiled = (name) => ajv.getSchema(`contract#/components/schemas/${name}`) ?? ajv.compile({ $ref: `contract#/components/schemas/${name}` });

const resolve = (reference) => reference.slice(2).split("/").reduce((from, part) => from[part], document);
// Returns the names of the payload schemas of an operation.
const payloads = (operation) => document.operations[operation].messages.map(({ $ref }) => resolve(resolve($ref).$ref).payload.$ref.split("/").at(-1));
// Returns the payload schemas of an operation that accept a frame.
const matching = (operation, frame) => payloads(operation).filter((name) => compiled(name)(frame));

const parsed = (json) => { try { return JSON.parse(json); } catch { return undefined; } };

test("the official parser reports no errors", async () => {
  const { document: found, diagnostics } = await new Parser().parse(text);
  assert.deepEqual(diagnostics.filter(({ severity }) => severity === 0).map(({ message, path }) => `${path.join(".")}: ${message}`), []);
  assert.deepEqual(found.operations().all().map((operation) => operation.id()).sort(), ["receiveCloudEvents", "receiveFrames", "receivePosts", "sendCloudEvents", "sendFrames", "sendStream"]);
  const broken = await new Parser().parse(text.replace("#/components/messages/gap", "#/components/messages/none"));
  assert.ok(broken.diagnostics.some(({ severity }) => severity === 0));
});

test("a stream carries the same messages as a socket, and Close", () => {
  assert.deepEqual(payloads("sendStream"), [...payloads("sendFrames"), "Close"]);
  assert.deepEqual(payloads("receivePosts"), payloads("receiveFrames"));
});

test("every message belongs to an operation, and every schema is used", () => {
  const carried = Object.values(document.operations).flatMap(({ messages }) => messages.map(({ $ref }) => resolve($ref).$ref));
  assert.deepEqual([...new Set(carried)].sort(), Object.keys(document.components.messages).map((name) => `#/components/messages/${name}`).sort());
  for (const name of Object.keys(document.components.schemas)) assert.ok(text.includes(`"#/components/schemas/${name}"`), name);
});

test("every server frame matches its own message only", () => {
  for (const [name, json] of Object.entries(vectors("server-frames"))) {
    const frame = JSON.parse(json);
    const [match, ...more] = matching("sendStream", frame);
    assert.deepEqual([match, more], [frame.type.slice("wirebell.".length).replace(/^./, (first) => first.toUpperCase()), []], name);
    for (const member of resolve(`#/components/schemas/${match}`).required) {
      const { [member]: _, ...rest } = frame;
      assert.deepEqual(matching("sendStream", rest), [], `${name} without ${member}`);
    }
    for (const [member, value] of Object.entries(frame)) {
      if (member === "data") continue;
      const wrong = { ...frame, [member]: typeof value === "string" ? 7 : "x" };
      assert.deepEqual(matching("sendStream", wrong), [], `${name} with another ${member}`);
    }
  }
});

test("every event frame matches Event only", () => {
  const frames = vectors("events").good.flatMap(({ frames }) => frames);
  assert.ok(frames.length > 4);
  for (const frame of frames) assert.deepEqual(matching("sendStream", JSON.parse(frame)), ["Event"], frame);
  const event = JSON.parse(frames[0]);
  for (const wrong of [{ type: "wirebell.x" }, { ack: false }, { channel: "42" }, { cursor: "now" }, { time: "yesterday" }])
    assert.deepEqual(matching("sendStream", { ...event, ...wrong }), [], JSON.stringify(wrong));
});

test("a valid client frame matches its own message only, and an invalid one matches none", () => {
  const { good, bad } = vectors("client-frames");
  for (const { text, asks } of good) {
    const expected = asks.replace(/^./, (first) => first.toUpperCase());
    assert.deepEqual(matching("receiveFrames", JSON.parse(text)), [expected], text);
  }
  for (const { text } of bad) {
    const frame = parsed(text);
    if (frame !== undefined) assert.deepEqual(matching("receiveFrames", frame), [], text);
  }
});

test("the codes, channels and cursors are those of the vectors", () => {
  assert.deepEqual(document.components.schemas.ErrorCode.enum, vectors("codes").faults);
  const { good, bad } = vectors("channels");
  const isChannel = compiled("Channel");
  for (const name of good) assert.ok(isChannel(name), name);
  for (const { text } of bad) assert.ok(!isChannel(text), text);
  const { in_order, bad: none } = vectors("cursors");
  const isCursor = compiled("Cursor");
  for (const cursor of in_order) assert.ok(isCursor(cursor), cursor);
  const accepted = none.filter((cursor) => isCursor(cursor));
  // The pattern cannot reject leading zeros and numbers beyond 64 bits.
  for (const cursor of accepted) assert.match(cursor, /(^|-)0\d|\d{20}/, cursor);
});
