// Real Redis servers on free ports, stopped by their process ids: a single server, a primary with a
// replica and Sentinels, a Cluster.
import { ErrorReply, createClient } from "@redis/client";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const running = new Set();
process.on("exit", () => {
  for (const { child, folder } of running) {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
// The test runner sends SIGTERM to a test that takes too long; the servers are stopped then as
// well.
process.once("SIGTERM", () => process.exit(1));

// Waits until the condition holds, and returns its value.
export async function eventually(what, ready, within = 20_000) {
  const end = Date.now() + within;
  for (;;) {
    const found = await ready();
    if (found) return found;
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await sleep(20);
  }
}

export class Redis {
  // Starts a server that keeps its data over a crash.
  static start(...options) {
    return Redis.startWith(["--appendonly", "yes", "--appendfsync", "always", ...options]);
  }

  static async startWith(options) {
    const redis = new Redis();
    redis.folder = mkdtempSync(join(tmpdir(), "wirebell-node-"));
    redis.port = await freePort();
    redis.options = options;
    await redis.run();
    return redis;
  }

  // Starts the server on its earlier port and data.
  async run() {
    const always = ["--port", this.port, "--bind", "127.0.0.1", "--save", "", "--dir", this.folder].map(String);
    const file = join(this.folder, "redis.conf");
    // A Sentinel stores its state in a file, which must exist.
    if (this.options.includes("--sentinel")) writeFileSync(file, "", { flag: "a" });
    const first = this.options.includes("--sentinel") ? [file] : [];
    this.child = spawn("redis-server", [...first, ...always, ...this.options], { stdio: "ignore" });
    this.ended = once(this.child, "exit");
    running.add(this);
    await eventually("redis-server answers", () => this.ask("PING").catch(() => false));
  }

  get url() {
    return `redis://${this.secret}127.0.0.1:${this.port}`;
  }

  // The credentials of the URL.
  get secret() {
    const at = this.options.indexOf("--requirepass");
    return at < 0 ? "" : `:${this.options[at + 1]}@`;
  }

  // Sends a command.
  async ask(...words) {
    this.client ??= await connect(this.url);
    try {
      return await this.client.sendCommand(words.map(String));
    } catch (error) {
      if (error instanceof ErrorReply) throw error;
      // A server closes its connections when it becomes a replica or a primary.
      this.client = await connect(this.url);
      return this.client.sendCommand(words.map(String));
    }
  }

  async kill() {
    this.client?.destroy();
    this.client = undefined;
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.ended;
    running.delete(this);
  }

  // Suspends the server with STOP, and resumes it with CONT.
  signal(name) {
    this.child.kill(`SIG${name}`);
  }

  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  // Returns the log of a channel, oldest first: cursor, fields, and the frame without the cursor.
  log(channel) {
    return logOf((...words) => this.ask(...words), channel);
  }

  // Returns the `data` of each log entry.
  async data(channel) {
    return (await this.log(channel)).map((entry) => entry.frame.data);
  }

  // Returns the outcomes in the receipts of an event.
  async receiptOutcomes(id) {
    const entries = await Promise.all([...Array(8).keys()].map((shard) => this.ask("XRANGE", `wb:{due:${shard}}:receipts`, "-", "+")));
    return entries.flat().map(([, fields]) => asObject(fields)).filter((fields) => fields.id === id).map((fields) => fields.outcome);
  }
}

export async function logOf(ask, channel) {
  const entries = await ask("XRANGE", `wb:{${channel}}:log`, "-", "+");
  return entries.map(([cursor, list]) => {
    const fields = asObject(list);
    return { cursor, fields, frame: JSON.parse(fields.h + fields.t) };
  });
}

export function asObject(list) {
  return Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]]] : [])));
}

// A primary, a replica, and three Sentinels that elect a new primary.
export class Sentinels {
  static async start(password = "", sentinelPassword = "") {
    const pair = new Sentinels();
    const secret = password === "" ? [] : ["--requirepass", password, "--masterauth", password];
    const options = ["--appendonly", "no", "--repl-diskless-sync-delay", "0", ...secret];
    const primary = await Redis.startWith(options);
    const replica = await Redis.startWith([...options, "--replicaof", "127.0.0.1", String(primary.port)]);
    pair.servers = [primary, replica];
    const words = sentinelPassword === "" ? [] : ["--requirepass", sentinelPassword, "--sentinel", "sentinel-pass", sentinelPassword];
    pair.sentinels = await Promise.all([1, 2, 3].map(() => Redis.startWith(["--sentinel", ...words])));
    for (const sentinel of pair.sentinels) {
      await sentinel.ask("SENTINEL", "MONITOR", "wirebell", "127.0.0.1", primary.port, 2);
      for (const [name, value] of [["down-after-milliseconds", 1000], ["failover-timeout", 5000], ["auth-pass", password]]) {
        await sentinel.ask("SENTINEL", "SET", "wirebell", name, value);
      }
    }
    for (const sentinel of pair.sentinels) {
      await eventually("each Sentinel knows the others", async () => {
        const info = await sentinel.ask("INFO", "sentinel");
        return info.includes("status=ok") && info.includes("slaves=1,sentinels=3");
      });
    }
    return pair;
  }

  get url() {
    const [first, ...rest] = this.sentinels;
    const nodes = rest.map(({ port }) => `&node=127.0.0.1:${port}`).join("");
    const secret = first.secret === "" ? "" : `&sentinelPassword=${first.secret.slice(1, -1)}`;
    return `redis-sentinel://${this.servers[0].secret}127.0.0.1:${first.port}?sentinelServiceName=wirebell${nodes}${secret}`;
  }

  // Returns the server that the Sentinels name as the primary.
  async primary() {
    const [, port] = await this.sentinels[0].ask("SENTINEL", "get-master-addr-by-name", "wirebell");
    return this.servers.find((server) => server.port === Number(port));
  }

  stop() {
    return Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }
}

const SLOTS = 16_384;

// Three primaries, each with a number of replicas.
export class Cluster {
  static async start(replicas = 0) {
    const cluster = new Cluster();
    const options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--appendonly", "no", "--repl-diskless-sync-delay", "0"];
    cluster.nodes = await Promise.all(Array.from({ length: 3 * (1 + replicas) }, () => node(options)));
    const [first] = cluster.nodes;
    for (const [place, one] of cluster.nodes.entries()) {
      await one.ask("CLUSTER", "SET-CONFIG-EPOCH", place + 1);
      if (place < 3) await one.ask("CLUSTER", "ADDSLOTSRANGE", Math.floor((place * SLOTS) / 3), Math.floor(((place + 1) * SLOTS) / 3) - 1);
      const [, gossip] = await one.ask("CONFIG", "GET", "cluster-port");
      await first.ask("CLUSTER", "MEET", "127.0.0.1", one.port, gossip);
    }
    for (const one of cluster.nodes) {
      await eventually("each node knows the others", async () => {
        const lines = (await one.ask("CLUSTER", "NODES")).split("\n");
        return lines.filter((line) => line.includes(" connected") && !line.includes("handshake")).length === cluster.nodes.length;
      });
    }
    for (const [place, one] of cluster.nodes.entries()) {
      if (place >= 3) await one.ask("CLUSTER", "REPLICATE", await cluster.nodes[place % 3].ask("CLUSTER", "MYID"));
    }
    for (const one of cluster.nodes) {
      await eventually("each node is ready", async () => {
        const info = await one.ask("CLUSTER", "INFO");
        const [role, , , link] = await one.ask("ROLE");
        return info.includes("cluster_state:ok") && (role === "master" || link === "connected");
      });
    }
    return cluster;
  }

  get url() {
    const [first, ...rest] = this.nodes;
    return `redis-cluster://127.0.0.1:${first.port}?${rest.map(({ port }) => `node=127.0.0.1:${port}`).join("&")}`;
  }

  // Returns the server that owns the slot of a key, as a running server sees it.
  async owner(key) {
    const server = this.nodes.find(({ child }) => child.exitCode === null && child.signalCode === null);
    const slot = await server.ask("CLUSTER", "KEYSLOT", key);
    const rows = await server.ask("CLUSTER", "SLOTS");
    const [, , [, port]] = rows.find(([from, to]) => from <= slot && slot <= to);
    return this.nodes.find((one) => one.port === port);
  }

  // Sends a command to the server that owns the key.
  async ask(key, ...words) {
    return (await this.owner(key)).ask(...words);
  }

  async data(channel) {
    const owner = await this.owner(`wb:{${channel}}:log`);
    return owner.data(channel);
  }

  // Moves a slot with all its keys to another primary, as `redis-cli --cluster reshard` does.
  async migrate(key) {
    const source = await this.owner(key);
    const target = this.nodes[(this.nodes.indexOf(source) + 1) % 3];
    const slot = await source.ask("CLUSTER", "KEYSLOT", key);
    const [from, to] = [await source.ask("CLUSTER", "MYID"), await target.ask("CLUSTER", "MYID")];
    await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", from);
    await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to);
    const keys = await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 10_000);
    await source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", ...keys);
    for (const one of [target, source, ...this.nodes.slice(0, 3)]) await one.ask("CLUSTER", "SETSLOT", slot, "NODE", to);
  }

  stop() {
    return Promise.all(this.nodes.map((one) => one.stop()));
  }
}

async function node(options) {
  return Redis.startWith([...options, "--cluster-port", String(await freePort())]);
}

async function connect(url) {
  const client = createClient({ url, RESP: 2, maintNotifications: "disabled", socket: { reconnectStrategy: false, connectTimeout: 1000 } });
  client.on("error", () => {});
  await client.connect();
  client.unref();
  return client;
}

// Returns a port below the range for outgoing connections. On a port of that range, a client that
// reconnects while the server is down may end up connected to itself.
async function freePort() {
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
