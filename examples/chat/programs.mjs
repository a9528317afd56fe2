// The programs of this app and their environment, for `examples/start` and for the tests.
import { fileURLToPath } from "node:url";

import { freePort } from "../harness/redis.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const port = await freePort();

// Only pages from this origin may connect.
export const settings = { "clients.allowed_origins": `http://127.0.0.1:${port}` };

const web = ({ origin, secret, env }, port) => ({
  folder,
  command: ["node", "web.mjs"],
  env: { PORT: String(port), PUSH_CLIENTS: origin, PUSH_SECRET: secret, ...env },
});

export const programs = (addresses) => [
  { name: "web", page: true, ...web(addresses, port) },
  { name: "service", folder, command: ["node", "service.mjs"], serves: false, env: { PUSH_REDIS: addresses.redis, ...addresses.env } },
  // The same pages from an origin that is not allowed.
  { name: "other-origin", ...web(addresses, 0) },
];
