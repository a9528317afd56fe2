// The programs of this app and their environment, for `examples/start` and for the tests.
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const python = here("../../target/examples/python/bin/python");

export const programs = ({ clients, redis, secret, env = {} }) => [
  {
    name: "payment",
    page: true,
    folder: here("payment"),
    command: [python, "app.py"],
    env: { PORT: "0", PUSH_CLIENTS: clients, PUSH_REDIS: redis, PUSH_SECRET: secret, ...env },
  },
  { name: "provider", folder: here("provider"), command: ["node", "provider.mjs"], env: { PORT: "0" } },
  ...["sms", "sms-2"].map((name) => ({
    name,
    folder: here("sms"),
    command: ["node", "worker.mjs"],
    serves: false,
    env: ({ provider }) => ({ PUSH_REDIS: redis, PROVIDER: provider.url }),
  })),
];
