// The Express example, as a process of its own, with a real node.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { Gateway } from "./support/gateway.mjs";
import { FOLDER } from "./support/package.mjs";
import { Redis } from "./support/redis.mjs";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const FRESH = dirname(dirname(FOLDER));
const installed = { skip: process.env.WIREBELL_PUBLISHER === undefined && "needs the package that `run` installs" };

test("a webhook is answered at once, and the customer's client gets the event", installed, async (t) => {
  const redis = await Redis.start();
  t.after(() => redis.stop());
  const gateway = await Gateway.start(redis);
  t.after(() => gateway.stop());
  // In a folder of its own: the package comes from the tarball, Express from this package's
  // dependencies.
  copyFileSync(join(HERE, "example/server.mjs"), join(FRESH, "server.mjs"));
  const child = spawn(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(expressFrom())}`, "server.mjs"], {
    cwd: FRESH,
    env: { ...process.env, WIREBELL_URL: redis.url, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const url = `http://127.0.0.1:${line.split(" ").at(-1)}`;
  const post = (path, body) => fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

  const client = await gateway.client("42", { device: "laptop" });
  const paid = { payment: "7", user: "42", status: "paid" };
  for (const _ of [1, 2]) assert.equal((await post("/webhooks/payments", paid)).status, 204, "providers send webhooks twice");
  const frame = JSON.parse(await client.next("payment-status"));
  assert.deepEqual([frame.id, frame.data], ["payment-7-paid", { payment: "7", status: "paid" }]);
  const message = await (await post("/users/42/messages", { text: "hello" })).json();
  assert.deepEqual(message, { id: JSON.parse(await client.next("message")).id, seen: "laptop" });
  assert.equal((await redis.log("user:42")).length, 2);
  const wrong = await post("/users/a%20b/messages", { text: "hello" });
  assert.deepEqual([wrong.status, (await wrong.json()).code], [422, "invalid_event"]);

  await redis.kill();
  const start = Date.now();
  assert.equal((await post("/webhooks/payments", { ...paid, status: "refunded" })).status, 204);
  assert.ok(Date.now() - start < 2_000, "the webhook is answered while the bus is down");
  await redis.run();
  assert.deepEqual(JSON.parse(await client.next("payment-status")).data.status, "refunded");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null], "the process ends");
  client.close();
});

// Resolves Express from this test's dependencies.
function expressFrom() {
  const hook = `export const resolve = (name, context, next) => next(name, name === "express" ? { ...context, parentURL: ${JSON.stringify(import.meta.url)} } : context);`;
  return `import { register } from "node:module"; register("data:text/javascript,${encodeURIComponent(hook)}");`;
}
