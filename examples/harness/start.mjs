// An example with all it wants, until Ctrl-C.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Gateway } from "../../tests/e2e/gateway.mjs";
import { Redis } from "./redis.mjs";
import { places, startAll } from "./stage.mjs";

const [name = ""] = process.argv.slice(2);
const file = new URL(`../${name}/parts.mjs`, import.meta.url);
if (!/^[a-z-]+$/.test(name) || !existsSync(fileURLToPath(file))) {
  console.error("Which one? Such as: examples/start account-status");
  process.exit(2);
}
const { parts, settings = {} } = await import(file.href);
const redis = await Redis.start();
const node = await Gateway.start({ "bus.redis": redis.url, ...settings });
const started = {};
await startAll(parts(places(node.clients, node, redis)), started, console.log);
console.log(`\nA node is at ${node.clients} (clients) and ${node.services} (services), Redis at ${redis.url}.`);
for (const { name, url } of Object.values(started)) if (url) console.log(`${name.padEnd(10)} ${url}/`);
process.once("exit", () => node.child.kill("SIGKILL"));
