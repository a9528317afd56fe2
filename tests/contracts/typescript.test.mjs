// The TypeScript types of the contract: the committed file is the generator's output, and the compiler applies the types.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const GENERATOR = fileURLToPath(new URL("../../protocol/typescript/generate.mjs", import.meta.url));
const COMMITTED = fileURLToPath(new URL("../../protocol/typescript/frames.d.ts", import.meta.url));
const TSC = fileURLToPath(new URL("node_modules/.bin/tsc", import.meta.url));
let folder;

before(() => { folder = mkdtempSync(join(tmpdir(), "wirebell-types-")); });
after(() => rmSync(folder, { recursive: true, force: true }));

const generate = (...args) => execFileSync(process.execPath, [GENERATOR, ...args], { encoding: "utf8" });
const write = (name, text) => {
  writeFileSync(join(folder, name), typeof text === "string" ? text : JSON.stringify(text));
  return join(folder, name);
};
const check = (name, text) => {
  const { status, stdout } = spawnSync(TSC, ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022", "--lib", "es2022,dom", "--module", "nodenext", "--types", "", write(name, text)], { encoding: "utf8" });
  return status === 0 ? "" : stdout;
};

test("the committed types are the generator's output", () => {
  assert.equal(readFileSync(COMMITTED, "utf8"), generate("frames"));
});

test("the member `type` tells frames apart", () => {
  write("frames.d.ts", generate("frames"));
  const head = `import type { ClientFrame, ErrorCode, EventFrame, ServerFrame, WelcomeFrame } from "./frames";\n`;
  assert.equal(check("good.ts", `${head}
    export function read(frame: WelcomeFrame | Extract<ServerFrame, { type: "wirebell.error" | "wirebell.gap" }>): string {
      switch (frame.type) {
        case "wirebell.welcome": return frame.connection;
        case "wirebell.error": { const code: ErrorCode = frame.code; return code; }
        default: return frame.channel;
      }
    }
    export const paid = (frame: EventFrame<{ status: "paid" }>): "paid" => frame.data.status;
    export const said: ClientFrame[] = [{ type: "wirebell.ping" }, { type: "wirebell.ack", channel: "user:1", cursor: "1-0" }, { type: "send", data: [1] }];
  `), "");
  assert.match(check("bad.ts", `${head}export const frame: Extract<ServerFrame, { type: "wirebell.gap" }> = { type: "wirebell.gap" };`), /channel/);
  assert.match(check("worse.ts", `${head}export const frame = (it: WelcomeFrame): number => it.user;`), /string/);
});

const ORDER = { type: "object", required: ["id", "lines"], properties: { id: { type: "integer" }, lines: { type: "array", items: { $ref: "#/components/schemas/Line" } }, note: { type: ["string", "null"] } } };
const LINE = { type: "object", required: ["sku", "count"], properties: { sku: { type: "string" }, count: { type: "integer" }, parts: { type: "array", items: { $ref: "#/components/schemas/Line" } } } };
const STATUS = { type: "object", required: ["status"], properties: { status: { enum: ["paid", "refused"], description: "The result of the payment." } } };

const APPLICATION = {
  asyncapi: "3.0.0",
  info: { title: "A shop", version: "1" },
  channels: {
    users: { messages: { status: { $ref: "#/components/messages/status" }, order: { name: "order.placed", payload: ORDER } } },
    answers: { messages: { said: { name: "said", payload: { type: "object", required: ["id"], properties: { id: { type: "string" } } } } } },
    inbox: { messages: { say: { name: "send-message", payload: { type: "object", required: ["text"], properties: { text: { type: "string" } } } } } },
  },
  operations: {
    publish: { action: "send", channel: { $ref: "#/channels/users" } },
    emit: { action: "receive", channel: { $ref: "#/channels/inbox" }, reply: { channel: { $ref: "#/channels/answers" }, messages: [{ $ref: "#/channels/answers/messages/said" }] } },
  },
  components: { messages: { status: { name: "payment-status", summary: "The status of a payment changed.", payload: STATUS } }, schemas: { Line: LINE } },
};

// The browser client accepts the generated maps as type arguments.
const CLIENT = `
  import type { Wirebell } from "${fileURLToPath(new URL("../../clients/js/src/index.js", import.meta.url))}";
  import type { Events, Emits } from "./events";
  declare const client: Wirebell<Events, Emits>;
`;

test("an application's AsyncAPI document becomes a map from event types to data", () => {
  write("events.d.ts", generate("events", write("shop.json", APPLICATION)));
  assert.equal(check("uses.ts", `${CLIENT}
    client.on("payment-status", ({ status }) => { const one: "paid" | "refused" = status; return one; });
    client.on("order.placed", ({ lines, note }) => { const sku: string | undefined = lines[0]?.sku; const text: string | null | undefined = note; return [sku, text]; });
    client.emit("send-message", { text: "hi" }).then(({ id }) => id.length);
  `), "");
  for (const [wrong, message] of [
    [`client.on("payment-state", () => {});`, /payment-state/],
    [`client.on("send-message", () => {});`, /send-message/],
    [`client.on("payment-status", ({ state }) => state);`, /state/],
    [`client.on("payment-status", ({ status }) => status === "late");`, /late/],
    [`client.emit("send-message", { text: 7 });`, /number/],
    [`client.emit("send-message", { text: "hi" }).then(({ at }) => at);`, /at/],
    [`client.on("said", () => {});`, /said/],
  ]) assert.match(check("wrong.ts", CLIENT + wrong), message, wrong);
});

test("a JSON Schema whose properties are the event types is accepted", () => {
  const text = generate("events", write("schema.json", {
    properties: {
      "payment-status": STATUS,
      typing: { type: "boolean" },
      point: { type: "array", prefixItems: [{ type: "number" }, { type: "number" }] },
      tree: { $ref: "#/$defs/Tree" },
      any: true,
      either: { anyOf: [{ const: "a" }, { type: "array", items: { type: ["string", "null"] } }] },
      counts: { type: "object", additionalProperties: { type: "integer" } },
    },
    $defs: { Tree: { type: "object", required: ["name"], properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#/$defs/Tree" } } } } },
  }));
  write("events.d.ts", text);
  assert.ok(!text.includes("Emits"));
  assert.equal(check("uses-schema.ts", `import type { Events } from "./events";
    export const typing: Events["typing"] = true;
    export const point: Events["point"] = [1, 2];
    export const tree: Events["tree"] = { name: "a", children: [{}] };
    export const either: Events["either"][] = ["a", ["b", null]];
    export const counts: Events["counts"] = { a: 1 };
    export const any: Events["any"] = 7;
  `), "");
  assert.match(check("wrong.ts", `import type { Events } from "./events"; export const point: Events["point"] = [1];`), /length|missing|Source has/);
});

test("the generator reports documents that it cannot read", () => {
  const run = (...args) => spawnSync(process.execPath, [GENERATOR, ...args], { encoding: "utf8" });
  for (const [args, message] of [
    [[], /expected `frames`/],
    [["events", write("none.json", "{}")], /expected an AsyncAPI document/],
    [["events", write("elsewhere.json", { properties: { a: { $ref: "other.json#/a" } } })], /within the file/],
    [["events", write("nowhere.json", { properties: { a: { $ref: "#/a" } } })], /the target does not exist/],
  ]) {
    const { status, stdout, stderr } = run(...args);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, message);
  }
});
