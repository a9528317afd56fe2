// The published package: its files, and that it is the same for `import`, `require` and TypeScript.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { FOLDER, sdk } from "./support/package.mjs";

const HERE = fileURLToPath(new URL("..", import.meta.url));
// The project that has the package installed: `import` and `require` find it by its name from here.
const FRESH = dirname(dirname(FOLDER));
const installed = { skip: process.env.WIREBELL_PUBLISHER === undefined && "needs the package that `run` installs" };

test("the package contains its files and nothing else", installed, () => {
  const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(FOLDER.length + 1));
  for (const name of ["package.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "index.mjs", "index.d.mts", "dist/index.js", "dist/index.d.ts"]) assert.ok(names.includes(name), name);
  const unexpected = names.filter((name) => !/^(?:dist\/.*\.(?:js|d\.ts)|index\.(?:mjs|d\.mts)|package\.json|README\.md|LICENSE-(?:MIT|APACHE))$/.test(name));
  assert.deepEqual(unexpected, []);
  const { dependencies, license } = JSON.parse(readFileSync(join(FOLDER, "package.json"), "utf8"));
  assert.deepEqual([Object.keys(dependencies), license], [["@redis/client"], "MIT OR Apache-2.0"]);
  const modules = readdirSync(join(FRESH, "node_modules")).filter((name) => !name.startsWith("."));
  assert.deepEqual(modules.sort(), ["@redis", "wirebell-publisher"], "there is one dependency, which has none");
});

test("import and require return the same module", installed, () => {
  const run = (file, program) => {
    writeFileSync(join(FRESH, file), program);
    return execFileSync(process.execPath, [file], { cwd: FRESH, encoding: "utf8" }).trim();
  };
  const imported = run("as.mjs", 'import * as wb from "wirebell-publisher"; console.log(Object.keys(wb).sort().join());');
  const required = run("as.cjs", 'const wb = require("wirebell-publisher"); console.log(Object.keys(wb).sort().join());');
  assert.equal(imported, required);
  assert.equal(imported, Object.keys(sdk).sort().join());
  const same = 'import { Publisher } from "wirebell-publisher"; import { createRequire } from "node:module"; console.log(createRequire(import.meta.url)("wirebell-publisher").Publisher === Publisher);';
  assert.equal(run("same.mjs", same), "true");
});

const PROGRAM = `
import { Fallbacks, Inbox, type InboxEvent, InvalidEventError, NotAcknowledgedError, Publisher, rawJson, type DeliveryUpdate, type ErrorCode, type Fault, type Outcome, type PublishResult, type Told, type WirebellEvent } from "wirebell-publisher";

interface Status { status: "paid" | "refused" }

export async function all(): Promise<string[]> {
  const wb = await Publisher.connect("redis://127.0.0.1:6379", { prefix: "shop", logRules: [{ channels: "topic:*", events: 5, millis: 1000 }] });
  const lazy = new Publisher({ url: "http://127.0.0.1:9090", serviceKey: "k", logger: console });
  const event: WirebellEvent<Status> = { to: "user:42", type: "payment-status", data: { status: "paid" }, deadline: 20, deliverAt: new Date() };
  const published = await wb.publish(event);
  const cursor: string | undefined = published.cursor;
  try {
    const { device, at }: { device: string; at: number } = await published.acknowledged({ timeout: 1000 });
    console.log(device, at, cursor);
  } catch (error) {
    if (error instanceof NotAcknowledgedError && error.code === "fallen_back") console.log("by text message");
    if (error instanceof InvalidEventError) console.log(error.attribute);
  }
  const answers = await wb.publishAll([event, { to: ["all"], type: "t", data: rawJson("{}") }]);
  const ids = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.id] : []));
  const enqueued = lazy.enqueue(event);
  if (!enqueued.accepted && enqueued.reason === "invalid") console.log(enqueued.error.code);
  for await (const update of wb.follow({ group: "orders", only: (one: DeliveryUpdate) => one.outcome === "expired" })) ids.push(update.id);
  // The former names of types stay.
  const former: [Outcome, (update: Told) => Fault] | [PublishResult, (update: DeliveryUpdate) => ErrorCode] = [published.toJSON(), () => "internal"];
  console.log(former.length);
  const fallbacks = await Fallbacks.connect("redis://127.0.0.1:6379", "text-messages", { tries: 3 });
  void fallbacks.run(async ({ event, tries }) => console.log(event.type, tries));
  for await (const claim of fallbacks) await claim.done();
  const left: number = await fallbacks.close({ timeout: 10 });
  const inbox: Inbox = (await Inbox.connect("redis://127.0.0.1:6379", "chat", { goneAfter: 5_000 }))
    .on("send-message", async ({ user, data }: InboxEvent<{ text: string }>) => ({ from: user, text: data.text }))
    .on<{ to: string }>("typing", ({ data, connection }) => console.log(data.to, connection?.length));
  void inbox.run();
  for await (const claim of inbox) await claim.done({ type: claim.event.type });
  const { lag }: { lag: number | undefined } = await inbox.backlog();
  console.log(lag, inbox.counters().takenOver);
  const { ended, waiting } = await wb.close();
  console.log(left, ended === "done", waiting);

  // @ts-expect-error: a misspelled attribute
  await wb.publish({ to: "all", type: "t", data: 1, dead_line: 3 });
  // @ts-expect-error: no data
  await wb.publish({ to: "all", type: "t" });
  // @ts-expect-error: not a class
  wb.enqueue({ to: "all", type: "t", data: 1, class: "eternal" });
  // @ts-expect-error: not an option
  new Publisher("redis://127.0.0.1", { timeOut: 1 });
  // @ts-expect-error: no handler
  inbox.on("send-message");
  return ids;
}
`;

test("TypeScript finds the types, as ESM and CommonJS, also without the types of Node.js", installed, () => {
  writeFileSync(join(FRESH, "program.mts"), PROGRAM);
  writeFileSync(join(FRESH, "program.cts"), PROGRAM);
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  const check = (...options) => {
    try {
      return execFileSync(process.execPath, [tsc, "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--types", "", ...options], { cwd: FRESH, encoding: "utf8" });
    } catch (error) {
      return error.stdout;
    }
  };
  assert.equal(check("--module", "nodenext", "program.mts", "program.cts"), "");
  assert.equal(check("--module", "esnext", "--moduleResolution", "bundler", "program.mts"), "");
});

test("every example of the README parses", () => {
  const blocks = [...readFileSync(join(HERE, "README.md"), "utf8").matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)].map(([, text]) => text);
  assert.ok(blocks.length >= 3);
  for (const [at, text] of blocks.entries()) {
    const file = join(HERE, "test", `readme-${process.pid}-${at}.mjs`);
    writeFileSync(file, text);
    try {
      execFileSync(process.execPath, ["--check", file], { encoding: "utf8", stdio: "pipe" });
    } finally {
      execFileSync("rm", [file]);
    }
  }
});
