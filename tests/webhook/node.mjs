// Starts the gateway and Redis on free ports, and stops them by process id.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const BIN = process.env.WIREBELL_BIN ?? fileURLToPath(new URL("../../target/release/wirebell", import.meta.url));

// Starts `wirebell dev` with these settings and arguments. Presence is off, since its events would also reach the
// backend, whose requests are counted.
export async function dev(settings, more = []) {
  const listen = ["--clients-listen", "127.0.0.1:0", "--services-listen", "127.0.0.1:0"];
  const sets = Object.entries({ "telemetry.log_format": "json", "presence.enabled": "false", ...settings }).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const child = spawn(BIN, ["dev", ...listen, ...more, ...sets], { stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env.PATH } });
  const node = { child, log: [], stop: () => end(child) };
  const listening = new Promise((resolve, reject) => {
    const fail = (reason) => reject(new Error(`${reason}; its log:\n${node.log.join("\n")}`));
    child.on("error", fail);
    child.on("exit", (code) => fail(`the node exited with ${code}`));
    createInterface({ input: child.stderr }).on("line", (line) => {
      node.log.push(line);
      const fields = asJson(line)?.fields;
      if (fields?.message === "listening") resolve(fields);
    });
  });
  const { clients, services } = await listening;
  return Object.assign(node, { clients, services });
}

export async function redis() {
  const port = await freePort();
  const child = spawn("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--save", ""], { stdio: ["ignore", "pipe", "ignore"] });
  for await (const line of createInterface({ input: child.stdout })) if (line.includes("Ready to accept connections")) break;
  child.stdout.resume();
  return { url: `redis://127.0.0.1:${port}`, stop: () => end(child) };
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function asJson(line) {
  try { return JSON.parse(line); } catch { return undefined; }
}
