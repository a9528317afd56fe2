// A real Redis on a free port. It stores its data in its own folder, so it can be killed and restarted.
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Program } from "./program.mjs";
import { eventually } from "./wait.mjs";

const folders = new Set();
process.on("exit", () => { for (const folder of folders) rmSync(folder, { recursive: true, force: true }); });

export class Redis {
  static async start() {
    const redis = new Redis();
    redis.folder = mkdtempSync(join(tmpdir(), "wirebell-example-"));
    folders.add(redis.folder);
    redis.port = await freePort();
    await redis.run();
    return redis;
  }

  async run() {
    const args = ["--port", this.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", this.folder];
    this.program = await Program.start({ name: "redis", command: ["redis-server", ...args.map(String)], serves: false });
    await eventually(() => isReady(this.port), (yes) => yes);
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  signal(name) {
    this.program.signal(name);
  }

  kill() {
    return this.program.kill();
  }

  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }
}

// Redis replies with PONG once it has loaded its data.
function isReady(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("error", () => resolve(false));
    socket.once("data", (data) => { socket.destroy(); resolve(String(data).startsWith("+PONG")); });
  });
}

// Returns a free port below the range of outgoing connections.
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
