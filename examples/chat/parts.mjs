// What belongs to this app, and how it is told where the rest is: for `examples/start` and for the tests.
import { fileURLToPath } from "node:url";

import { freePort } from "../harness/redis.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const port = await freePort();

// The only pages that may connect.
export const settings = { "clients.allowed_origins": `http://127.0.0.1:${port}` };

const web = ({ origin, secret, env }, port) => ({
  folder,
  command: ["node", "web.mjs"],
  env: { PORT: String(port), PUSH_CLIENTS: origin, PUSH_SECRET: secret, ...env },
});

export const parts = (places) => [
  { name: "web", page: true, ...web(places, port) },
  { name: "keeper", folder, command: ["node", "keeper.mjs"], serves: false, env: { PUSH_REDIS: places.redis, ...places.env } },
  // The same pages from another origin, which is not let in.
  { name: "elsewhere", ...web(places, 0) },
];
