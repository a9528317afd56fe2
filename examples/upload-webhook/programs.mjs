// The programs of this app and their environment, for `examples/start` and for the tests.
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const python = here("../../target/examples/python/bin/python");

export const programs = ({ clients, services, secret, env = {} }) => [
  { name: "inspector", folder: here("inspector"), command: ["node", "inspector.mjs"], env: { PORT: "0", ...env } },
  {
    name: "backend",
    page: true,
    folder: here("backend"),
    command: [python, "app.py"],
    env: ({ inspector }) => ({ PORT: "0", PUSH_CLIENTS: clients, PUSH_SERVICES: services, PUSH_SECRET: secret, INSPECTOR: inspector.url, ...env }),
  },
];
