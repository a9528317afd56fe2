// Starts a real node on free ports, which it reads from its log, and stops it by its process id.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./package.mjs";
import { pause } from "./wait.mjs";

const BIN = process.env.WIREBELL_BIN ?? join(ROOT, "target/release/wirebell");
const SECRET = "wirebell-dev-secret";

export class Node {
  // The node has its own bus, unless `redis` names one. `settings` are configuration keys, as for
  // `--set`.
  static async start({ settings = {}, redis, clients = "127.0.0.1:0" } = {}) {
    const sets = Object.entries({ "telemetry.log_format": "json", ...settings }).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const bus = redis ? ["--redis", redis] : [];
    const child = spawn(BIN, ["dev", "--clients-listen", clients, "--services-listen", "127.0.0.1:0", ...bus, ...sets], { stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env.PATH } });
    const end = () => child.kill("SIGKILL");
    process.on("exit", end);
    const node = new Node();
    const ended = once(child, "exit").then(() => process.off("exit", end));
    node.signal = (name) => child.kill(name);
    // SIGKILL stops it at once, like a dying machine; SIGTERM drains it first.
    node.stop = (name = "SIGKILL") => (child.kill(name), ended);
    const log = [];
    await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => reject(new Error(`the node ended with ${code}:\n${log.join("\n")}`)));
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        const fields = line.startsWith("{") ? JSON.parse(line).fields : undefined;
        if (fields?.message !== "listening") return;
        Object.assign(node, { clients: fields.clients, services: fields.services, log });
        resolve();
      });
    });
    return node;
  }

  get url() {
    return `http://${this.clients}`;
  }

  async publish(to, type, data, more = {}) {
    const body = JSON.stringify({ to, type, data, ...more });
    const response = await fetch(`http://${this.services}/v1/events`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const result = await response.json();
    if (response.status !== 202) throw new Error(JSON.stringify(result));
    return result;
  }

  // Returns the delivery status of an event; waits up to `wait` seconds for a final one.
  async receipt(id, wait = 5) {
    const response = await fetch(`http://${this.services}/v1/events/${id}?wait=${wait}`);
    return (await response.json()).channels[0];
  }

  async sessions(user) {
    return (await (await fetch(`http://${this.services}/v1/users/${user}`)).json()).sessions;
  }
}

export function token(user, { lifetime = 600, ...claims } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, topics: ["*"], emit: ["*"], iat: now, exp: now + lifetime, ...claims })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export async function startRedis() {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "wirebell-client-"));
  const child = spawn("redis-server", ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder], { stdio: "ignore" });
  const end = () => child.kill("SIGKILL");
  process.on("exit", end);
  const ended = once(child, "exit").then(() => process.off("exit", end));
  await pause(300);
  return { url: `redis://127.0.0.1:${port}`, stop: async () => (child.kill("SIGKILL"), await ended, rm(folder, { recursive: true })) };
}
