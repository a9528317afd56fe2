// Starts the programs of an app.
import { Program } from "./program.mjs";

const SECRET = "wirebell-dev-secret";

// The addresses that programs need: of the client API, the server API and Redis.
export function addresses(clients, node, redis) {
  return { clients: `ws://${clients}/ws`, origin: `http://${clients}`, services: `http://${node.services}`, redis: redis.url, secret: SECRET };
}

// Starts one program after the other, because a program's environment may contain the addresses of earlier ones.
export async function startPrograms(wanted, started, echo) {
  for (const program of wanted) started[program.name] = await Program.start({ ...program, env: environment(program, started) }, echo);
}

export const environment = ({ env = {} }, started) => (typeof env === "function" ? env(started) : env);
