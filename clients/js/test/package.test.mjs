// The published package: its files, its size, and its use by `import`, `require` and TypeScript.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { FOLDER, HERE } from "./support/package.mjs";

// The project that has the package installed: `import` and `require` find it by its name from here.
const FRESH = dirname(dirname(FOLDER));
const installed = { skip: process.env.WIREBELL_CLIENT === undefined && "needs the package that `run` installs" };
const MAX_BYTES = 6 * 1024;

const size = async (entry) => {
  const { outputFiles } = await build({ entryPoints: [join(FOLDER, "dist", `${entry}.js`)], bundle: true, minify: true, format: "esm", write: false, external: ["react"] });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
};

test("the client is at most 6 KB, minified and compressed", async (context) => {
  const [core, tabs, react] = [await size("index"), await size("tabs"), await size("react")];
  context.diagnostic(`wirebell ${core} bytes, wirebell/tabs ${tabs}, wirebell/react ${react}, both including the client`);
  assert.ok(core <= MAX_BYTES, `${core} bytes`);
});

test("the package contains its files and nothing else, and has no dependency", installed, () => {
  const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(FOLDER.length + 1));
  for (const name of ["package.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "dist/index.js", "dist/tabs.js", "dist/react.js", "dist/cjs/index.js", "dist/types/index.d.ts"]) assert.ok(names.includes(name), name);
  const unexpected = names.filter((name) => !/^(?:dist\/[\w/-]+\.(?:js|d\.ts)|dist\/cjs\/package\.json|package\.json|README\.md|LICENSE-(?:MIT|APACHE))$/.test(name));
  assert.deepEqual(unexpected, []);
  const { dependencies, license } = JSON.parse(readFileSync(join(FOLDER, "package.json"), "utf8"));
  assert.deepEqual([dependencies, license], [undefined, "MIT OR Apache-2.0"]);
  assert.deepEqual(readdirSync(join(FRESH, "node_modules")).filter((name) => !name.startsWith(".")), ["wirebell"]);
});

test("the React entry has the directive use client", () => {
  for (const file of ["dist/react.js", "dist/cjs/react.js"]) assert.ok(readFileSync(join(FOLDER, file), "utf8").startsWith('"use client";\n'), file);
});

test("import and require export the same names", installed, () => {
  const run = (file, program) => {
    writeFileSync(join(FRESH, file), program);
    return execFileSync(process.execPath, [file], { cwd: FRESH, encoding: "utf8" }).trim();
  };
  for (const entry of ["wirebell", "wirebell/tabs"]) {
    const imported = run("as.mjs", `import * as wb from "${entry}"; console.log(Object.keys(wb).sort().join());`);
    const required = run("as.cjs", `const wb = require("${entry}"); console.log(Object.keys(wb).sort().join());`);
    assert.equal(imported, required);
    assert.ok(imported.split(",").includes("wirebell"), imported);
  }
});

const PROGRAM = `
import { wirebell, WirebellError, type Status, type WirebellEvent } from "wirebell";
import { wirebell as shared } from "wirebell/tabs";

interface Events { "payment-status": { status: "paid" | "declined" }; typing: null }
interface Emits { "send-message": { data: { text: string }; reply: { id: number } } }

export async function all(): Promise<number> {
  const wb = wirebell<Events, Emits>("https://push.example.com", { token: async () => "t", storage: null, emitQueue: 3 });
  const off: () => void = wb.on("payment-status", async (data, event) => {
    const status: "paid" | "declined" = data.status;
    const id: string = event.id;
    console.log(status, id);
  });
  wb.on("*", (data, event: WirebellEvent) => console.log(data, event.type));
  wb.subscribe("topic:news", (data) => console.log(data));
  wb.onStatus((status: Status) => { if (status.state === "waiting") console.log(status.retryAt); });
  wb.onGap(({ channel }) => console.log(channel));
  wb.onError((error: WirebellError) => console.log(error.code));
  const plan: { status: "paid" | "declined" } | undefined = wb.retained("payment-status")?.data;
  console.log(plan);
  const { id } = await wb.emit("send-message", { text: "hello" }, { timeout: 1000, onlineOnly: true });
  const any = shared("https://push.example.com", { token: () => null });
  any.on("anything", (data) => console.log(data.deep.down));
  off();

  // @ts-expect-error: not one of the events
  wb.on("payment-stats", () => {});
  // @ts-expect-error: not its data
  await wb.emit("send-message", { txt: "hello" });
  // @ts-expect-error: not an option
  wirebell("https://push.example.com", { token: () => null, tokens: 1 });
  // @ts-expect-error: no token
  wirebell("https://push.example.com", {});
  return id;
}
`;

test("TypeScript finds the types, as ESM and CommonJS", installed, () => {
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

test("every example of the README parses", async () => {
  const blocks = [...readFileSync(join(HERE, "README.md"), "utf8").matchAll(/^```(js|ts|jsx|tsx)\n(.*?)^```$/gms)];
  assert.ok(blocks.length >= 3);
  const { transform } = await import("esbuild");
  for (const [, loader, text] of blocks) await transform(text, { loader });
});
