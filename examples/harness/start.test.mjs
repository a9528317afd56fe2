// `examples/start`: lists the examples without a name, and starts an app without a browser driver.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { strict as assert } from "node:assert";
import { fileURLToPath } from "node:url";

import { eventually } from "./wait.mjs";

const EXAMPLES = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "examples-start-"));
after(() => rmSync(folder, { recursive: true }));

// A stand-in for the gateway: it prints its addresses and waits.
const gateway = join(folder, "gateway");
const line = JSON.stringify({ fields: { message: "listening", clients: "127.0.0.1:1", services: "127.0.0.1:2" } });
writeFileSync(gateway, `#!/bin/sh\necho '${line}' >&2\nexec sleep 60\n`, { mode: 0o755 });

// A module hook under which the browser driver cannot be found, as in a fresh clone.
const hook = `export async function resolve(name, context, next) {
  if (name.startsWith("playwright")) throw new Error("the browser driver is imported");
  return next(name, context);
}`;
const asModule = (text) => `data:text/javascript,${encodeURIComponent(text)}`;
const withoutDriver = asModule(`import { register } from "node:module"; register(${JSON.stringify(asModule(hook))});`);

function start(args, env = {}) {
  const child = spawn(join(EXAMPLES, "start"), args, { env: { ...process.env, ...env } });
  const output = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output.text += data));
  return { child, output, ended: once(child, "exit") };
}

test("without a name it lists the examples at once", async () => {
  const began = Date.now();
  // Without a gateway, a Redis or Node.js in reach, to show that the list needs none of them.
  const { output, ended } = start([], { PATH: "/usr/bin:/bin", WIREBELL_BIN: "" });
  assert.deepEqual(await ended, [0, null]);
  assert.ok(Date.now() - began < 2_000);
  const names = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, "programs.mjs")));
  assert.equal(names.length, 5);
  for (const name of names) assert.match(output.text, new RegExp(`examples/start ${name}\n`));
});

test("an unknown name is rejected with the list", async () => {
  for (const name of ["nothing", "../examples/chat", "harness"]) {
    const { output, ended } = start([name]);
    assert.deepEqual(await ended, [2, null]);
    assert.match(output.text, /There is no example[^]*examples\/start chat/);
  }
});

test("a missing gateway is reported with the command that builds it", async () => {
  // A missing file, one in a missing folder, and a folder.
  for (const missing of [join(folder, "missing"), join(folder, "no", "missing"), folder]) {
    const { output, ended } = start(["chat"], { WIREBELL_BIN: missing });
    assert.deepEqual(await ended, [1, null]);
    assert.ok(output.text.startsWith(`There is no ${missing}. `), output.text);
    assert.match(output.text, /cargo build --release/);
  }
});

test("it starts an app without a browser driver", async () => {
  const { child, output, ended } = start(["chat"], { WIREBELL_BIN: gateway, NODE_OPTIONS: `--import=${withoutDriver}` });
  const url = await eventually(() => /^web +(http:\S+)$/m.exec(output.text)?.[1] ?? (child.exitCode === null ? undefined : output.text), Boolean, 200_000);
  assert.match(url, /^http:/);
  assert.equal((await fetch(url)).status, 200);
  child.kill("SIGINT");
  await ended;
  assert.doesNotMatch(output.text, /browser driver/);
});
