// The programs of this app and their environment, for `examples/start` and for the tests.
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

export const programs = ({ clients, services, secret, env = {} }) => [
  {
    name: "backend",
    page: true,
    folder,
    command: ["node", "server.mjs"],
    env: { PORT: "0", PUSH_CLIENTS: clients, PUSH_SERVICES: services, PUSH_SECRET: secret, ...env },
  },
];
