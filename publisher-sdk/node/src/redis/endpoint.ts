// The address of a Redis deployment, and the lookup of its primaries. The lookup runs each time
// that connections are opened.

import { Failure } from "../failure.js";
import { invalidUrl } from "../url.js";
import { Connection, type ConnectionOptions, type Reply } from "./connection.js";
import { type Address, Slots, name } from "./slots.js";

type Deployment =
  | { is: "single"; address: Address }
  // The Sentinels, and the name of the primary that they watch.
  | { is: "sentinel"; sentinels: Address[]; service: string; options: ConnectionOptions }
  // The nodes of the URL, and the primaries of the last lookup: the nodes of the URL may be gone.
  | { is: "cluster"; seeds: Address[]; known: Address[] };

/** A Redis deployment, as the URL describes it. */
export class RedisEndpoint {
  /** How to connect to a data server at any address. */
  readonly options: ConnectionOptions;
  readonly #deployment: Deployment;

  private constructor(options: ConnectionOptions, deployment: Deployment) {
    this.options = options;
    this.#deployment = deployment;
  }

  /** Parses a URL. @throws ConfigurationError with the code `bad_url` */
  static of(url: string): RedisEndpoint {
    const [, scheme = "", rest = ""] = /^([^:]+):\/\/(.*)$/s.exec(url) ?? [];
    const [protocol = "", suffix] = scheme.toLowerCase().split("-");
    const parsed = read(rest);
    const database = databaseOf(parsed);
    const options: ConnectionOptions = { tls: protocol === "rediss" || protocol === "valkeys", database, ...credentials(parsed) };
    const first = { host: hostOf(parsed), port: Number(parsed.port || (suffix === "sentinel" ? 26_379 : 6_379)) };
    if (suffix === undefined) return new RedisEndpoint(options, { is: "single", address: first });
    const nodes = [first, ...parsed.searchParams.getAll("node").map(node)];
    if (suffix === "cluster") {
      if (database !== 0) throw invalidUrl("has a database, but a Cluster has only database 0");
      return new RedisEndpoint(options, { is: "cluster", seeds: nodes, known: [] });
    }
    const service = parsed.searchParams.get("sentinelServiceName");
    if (!service) throw invalidUrl("has no `sentinelServiceName`");
    return new RedisEndpoint(options, { is: "sentinel", sentinels: nodes, service, options: sentinelOptions(options, parsed) });
  }

  /** Whether another server can become the primary. */
  get canMove(): boolean {
    return this.#deployment.is !== "single";
  }

  /** Looks up the current owner of every slot. */
  async slots(timeout: number): Promise<Slots | Failure> {
    const deployment = this.#deployment;
    if (deployment.is === "single") return Slots.allAt(deployment.address);
    // Random order: a server with outdated information is not always the first.
    const servers = shuffled(deployment.is === "sentinel" ? deployment.sentinels : [...deployment.known, ...deployment.seeds]);
    let last = Failure.unavailable("the URL names no server to look up the primaries");
    for (const server of servers) {
      const slots =
        deployment.is === "sentinel" ? await primary(server, deployment, timeout) : await clusterSlots(server, this.options, timeout);
      if (slots instanceof Failure) {
        last = slots;
        continue;
      }
      if (deployment.is === "cluster") deployment.known = slots.owners();
      return slots;
    }
    return last;
  }
}

async function primary(
  sentinel: Address,
  { service, options }: { service: string; options: ConnectionOptions },
  timeout: number,
): Promise<Slots | Failure> {
  const reply = await request(sentinel, options, ["SENTINEL", "get-master-addr-by-name", service], timeout);
  if (reply instanceof Failure) return reply;
  const [host, port] = Array.isArray(reply) ? reply : [];
  if (typeof host !== "string" || typeof port !== "string") {
    return Failure.unavailable(`the Sentinels know no service \`${service}\``);
  }
  return Slots.allAt({ host, port: Number(port) });
}

async function clusterSlots(server: Address, options: ConnectionOptions, timeout: number): Promise<Slots | Failure> {
  const reply = await request(server, options, ["CLUSTER", "SLOTS"], timeout);
  if (reply instanceof Failure) return reply;
  return Slots.read(reply, server) ?? Failure.unavailable(`${name(server)} does not know an owner for every slot`);
}

// Uses a connection of its own, because lookups are rare.
async function request(server: Address, options: ConnectionOptions, command: string[], timeout: number): Promise<Reply> {
  const connection = await Connection.open(server, options, timeout);
  if (connection instanceof Failure) return connection;
  const replies = await connection.run([command], timeout);
  connection.close();
  if (replies instanceof Failure) return replies;
  const reply = replies[0] ?? null;
  // An error reply of this server is transient: another server may know the answer.
  return reply instanceof Failure && reply.kind === "event" ? Failure.unavailable(reply.error.message) : reply;
}

function read(rest: string): URL {
  let url: URL;
  try {
    url = new URL(`redis://${rest}`);
  } catch {
    throw invalidUrl("cannot be parsed");
  }
  if (url.hostname === "") throw invalidUrl("has no host");
  if (rest.includes("#")) throw invalidUrl("has a `#`, as in `#insecure`, but certificates are always checked");
  return url;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function databaseOf(url: URL): number {
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  if (path === "") return 0;
  if (!/^\d+$/.test(path)) throw invalidUrl("has a database that is not a number");
  return Number(path);
}

function credentials(url: URL): { username: string | undefined; password: string | undefined } {
  try {
    return { username: decodeURIComponent(url.username) || undefined, password: decodeURIComponent(url.password) || undefined };
  } catch {
    throw invalidUrl("has a user or password with an unescaped `%`; write it as `%25`");
  }
}

// Sentinels have their own user and password, or none.
function sentinelOptions(options: ConnectionOptions, url: URL): ConnectionOptions {
  const parameter = (name: string) => url.searchParams.get(name) || undefined;
  return { tls: options.tls, database: 0, username: parameter("sentinelUsername"), password: parameter("sentinelPassword") };
}

function node(text: string): Address {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) throw invalidUrl("has a `node` that is not `host:port`");
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

function shuffled<T>(items: readonly T[]): T[] {
  const keyed = items.map((item) => [Math.random(), item] as const);
  return keyed.sort((a, b) => a[0] - b[0]).map(([, item]) => item);
}
