// Runs one example with a Redis and a node of its own, until Ctrl-C. It must not need a browser driver.
import { Gateway } from "../../tests/e2e/gateway.mjs";
import { addresses, startPrograms } from "./start-programs.mjs";
import { Redis } from "./redis.mjs";

const [name] = process.argv.slice(2);
const { programs, settings = {} } = await import(new URL(`../${name}/programs.mjs`, import.meta.url).href);
const redis = await Redis.start();
const node = await Gateway.start({ "bus.redis": redis.url, ...settings });
process.once("exit", () => node.child.kill("SIGKILL"));
const started = {};
await startPrograms(programs(addresses(node.clients, node, redis)), started, console.log);
console.log(`\nThe node listens on ${node.clients} (client API) and ${node.services} (server API), Redis on ${redis.url}.`);
for (const { name, url } of Object.values(started)) if (url) console.log(`${name.padEnd(12)} ${url}/`);
console.log("Press Ctrl-C to stop.");
