// What an app's tests stand on: Redis, nodes behind a balancer, the app's own programs, a browser. All of it real, all of
// it gone when the tests are over.
import { after, before } from "node:test";

import { launch } from "../../tests/e2e/browser.mjs";
import { Gateway } from "../../tests/e2e/gateway.mjs";
import { Balancer } from "./balancer.mjs";
import { Part } from "./part.mjs";
import { Redis } from "./redis.mjs";

export { eventually, pause } from "../../tests/e2e/stage.mjs";

const SECRET = "wirebell-dev-secret";

// Where a part finds the rest.
export function places(clients, node, redis) {
  return { clients: `ws://${clients}/ws`, origin: `http://${clients}`, services: `http://${node.services}`, redis: redis.url, secret: SECRET };
}

// `parts` gives, from where the nodes and Redis are, the programs of the app. `nodes` is how many nodes there are,
// `settings` what they are set to,
// `stays` whether a client's connections all go to one of them.
export function stage(parts, { nodes = 2, settings = {}, stays = false, options = {} } = {}) {
  const on = { nodes: [], parts: {} };
  before(async () => {
    on.redis = await Redis.start();
    const bus = { "bus.redis": on.redis.url, ...settings };
    for (let left = nodes; left > 0; left--) on.nodes.push(await Gateway.start(bus));
    on.balancer = await Balancer.start(on.nodes.map(({ clients }) => clients), stays);
    on.places = places(on.balancer.address, on.nodes.at(-1), on.redis);
    on.wanted = parts({ ...on.places, ...options });
    await startAll(on.wanted, on.parts);
    on.url = on.parts[on.wanted.find(({ page }) => page).name].url;
    on.browser = await launch();
  });
  after(async () => {
    await on.browser?.close();
    await Promise.all(Object.values(on.parts).map((part) => part.stop()));
    on.balancer?.stop();
    await Promise.all(on.nodes.map(killNode));
    await on.redis?.stop();
  });
  return on;
}

// One after the other: what a program is told may be where those before it are.
export async function startAll(wanted, started, echo) {
  for (const part of wanted) started[part.name] = await Part.start({ ...part, env: environment(part, started) }, echo);
}

// A program that was ended, anew; pages go on asking where it was.
export async function startAnew(on, name) {
  const wanted = on.wanted.find((one) => one.name === name);
  const { url } = on.parts[name];
  const place = url ? { PORT: new URL(url).port } : {};
  on.parts[name] = await Part.start({ ...wanted, env: { ...environment(wanted, on.parts), ...place } });
}

const environment = ({ env = {} }, started) => (typeof env === "function" ? env(started) : env);

// A node that ends without a word to anybody.
export async function killNode(node) {
  if (node.child.exitCode === null && node.child.signalCode === null) node.child.kill("SIGKILL");
  await node.ended;
}
