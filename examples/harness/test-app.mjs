// The environment of an app's tests: Redis, nodes behind a load balancer, the app's programs, a browser. All are real
// processes, and all are stopped when the tests end.
import { after, before } from "node:test";

import { launch } from "../../tests/e2e/browser.mjs";
import { Gateway } from "../../tests/e2e/gateway.mjs";
import { Balancer } from "./balancer.mjs";
import { Program } from "./program.mjs";
import { addresses, environment, startPrograms } from "./start-programs.mjs";
import { Redis } from "./redis.mjs";

export { eventually, pause } from "./wait.mjs";

// `programs` returns the app's programs for the given addresses. `nodes` is the number of nodes, `settings` their
// configuration, and `stays` makes all connections go to the first reachable node.
export function testApp(programs, { nodes = 2, settings = {}, stays = false, options = {} } = {}) {
  const app = { nodes: [], programs: {} };
  before(async () => {
    app.redis = await Redis.start();
    const bus = { "bus.redis": app.redis.url, ...settings };
    for (let left = nodes; left > 0; left--) app.nodes.push(await Gateway.start(bus));
    app.balancer = await Balancer.start(app.nodes.map(({ clients }) => clients), stays);
    app.wanted = programs({ ...addresses(app.balancer.address, app.nodes.at(-1), app.redis), ...options });
    await startPrograms(app.wanted, app.programs);
    app.url = app.programs[app.wanted.find(({ page }) => page).name].url;
    app.browser = await launch();
  });
  after(async () => {
    await app.browser?.close();
    await Promise.all(Object.values(app.programs).map((program) => program.stop()));
    app.balancer?.stop();
    await Promise.all(app.nodes.map(killNode));
    await app.redis?.stop();
  });
  return app;
}

// Starts a killed program again, on the same port.
export async function restart(app, name) {
  const wanted = app.wanted.find((program) => program.name === name);
  const { url } = app.programs[name];
  const port = url ? { PORT: new URL(url).port } : {};
  app.programs[name] = await Program.start({ ...wanted, env: { ...environment(wanted, app.programs), ...port } });
}

// Kills a node without a drain.
export async function killNode(node) {
  if (node.child.exitCode === null && node.child.signalCode === null) node.child.kill("SIGKILL");
  await node.ended;
}
