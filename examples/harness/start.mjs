// An example with all it wants, until Ctrl-C.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Gateway } from "../../tests/e2e/gateway.mjs";
import { Redis } from "./redis.mjs";
import { SECRET, startAll } from "./stage.mjs";

const [name = ""] = process.argv.slice(2);
const file = new URL(`../${name}/parts.mjs`, import.meta.url);
if (!/^[a-z-]+$/.test(name) || !existsSync(fileURLToPath(file))) {
  console.error("Which one? Such as: examples/start account-status");
  process.exit(2);
}
const { parts } = await import(file.href);
const redis = await Redis.start();
const node = await Gateway.start({ "bus.redis": redis.url });
const places = { clients: `ws://${node.clients}/ws`, services: `http://${node.services}`, redis: redis.url, secret: SECRET };
const started = {};
await startAll(parts(places), started, console.log);
console.log(`\nA node is at ${node.clients} (clients) and ${node.services} (services), Redis at ${redis.url}.`);
for (const { name, url } of Object.values(started)) if (url) console.log(`${name.padEnd(10)} ${url}/`);
process.once("exit", () => node.child.kill("SIGKILL"));
