// Where Redis is: one server, a primary that sentinels know, or a Cluster. Read from the URL, and asked for anew each time
// that connections are opened.

import { Failure } from "../failure.js";
import { invalidUrl } from "../url.js";
import { Connection, type ConnectionOptions, type Reply } from "./connection.js";
import { type Address, Slots, name } from "./slots.js";

// Who knows where the data are.
type Kind =
  // Nobody has to be asked.
  | { is: "alone"; address: Address }
  // These, about the service of that name.
  | { is: "sentinel"; sentinels: Address[]; service: string; manner: ConnectionOptions }
  // Every node: these to begin with, and the primaries of last time, since the URL's may be long gone.
  | { is: "cluster"; seeds: Address[]; known: Address[] };

/** What the URL says. */
export class RedisEndpoint {
  /** How to connect to a server of the data, whatever its address. */
  readonly manner: ConnectionOptions;
  readonly #kind: Kind;

  private constructor(manner: ConnectionOptions, kind: Kind) {
    this.manner = manner;
    this.#kind = kind;
  }

  /** @throws ConfigurationError with the code `bad_url` */
  static of(url: string): RedisEndpoint {
    const [, scheme = "", rest = ""] = /^([^:]+):\/\/(.*)$/s.exec(url) ?? [];
    const [alone = "", suffix] = scheme.toLowerCase().split("-");
    const parsed = read(rest);
    const database = databaseOf(parsed);
    const manner: ConnectionOptions = { tls: alone === "rediss" || alone === "valkeys", database, ...secrets(parsed) };
    const first = { host: hostOf(parsed), port: Number(parsed.port || (suffix === "sentinel" ? 26_379 : 6_379)) };
    if (suffix === undefined) return new RedisEndpoint(manner, { is: "alone", address: first });
    const nodes = [first, ...parsed.searchParams.getAll("node").map(node)];
    if (suffix === "cluster") {
      if (database !== 0) throw invalidUrl("the one given has a database: a Cluster has one only");
      return new RedisEndpoint(manner, { is: "cluster", seeds: nodes, known: [] });
    }
    const service = parsed.searchParams.get("sentinelServiceName");
    if (!service) throw invalidUrl("the one given has no `sentinelServiceName`");
    return new RedisEndpoint(manner, { is: "sentinel", sentinels: nodes, service, manner: sentinelManner(manner, parsed) });
  }

  /** May the server that is connected to turn into a replica, while another takes its place? */
  get canMove(): boolean {
    return this.#kind.is !== "alone";
  }

  /** Who has which slots now. */
  async slots(timeout: number): Promise<Slots | Failure> {
    const kind = this.#kind;
    if (kind.is === "alone") return Slots.allAt(kind.address);
    // In an order by chance: one that knows less than the others is not asked for ever.
    const servers = shuffled(kind.is === "sentinel" ? kind.sentinels : [...kind.known, ...kind.seeds]);
    let last = Failure.unavailable("there is nobody to ask where Redis is");
    for (const server of servers) {
      const answer = kind.is === "sentinel" ? await primary(server, kind, timeout) : await cluster(server, this.manner, timeout);
      if (answer instanceof Failure) {
        last = answer;
        continue;
      }
      if (kind.is === "cluster") kind.known = answer.owners();
      return answer;
    }
    return last;
  }
}

async function primary(sentinel: Address, kind: { service: string; manner: ConnectionOptions }, timeout: number): Promise<Slots | Failure> {
  const answer = await ask(sentinel, kind.manner, ["SENTINEL", "get-master-addr-by-name", kind.service], timeout);
  if (answer instanceof Failure) return answer;
  const [host, port] = Array.isArray(answer) ? answer : [];
  if (typeof host !== "string" || typeof port !== "string") {
    return Failure.unavailable(`the sentinels know no service \`${kind.service}\``);
  }
  return Slots.allAt({ host, port: Number(port) });
}

async function cluster(server: Address, manner: ConnectionOptions, timeout: number): Promise<Slots | Failure> {
  const answer = await ask(server, manner, ["CLUSTER", "SLOTS"], timeout);
  if (answer instanceof Failure) return answer;
  return Slots.read(answer, server) ?? Failure.unavailable(`${name(server)} does not know an owner for every slot`);
}

// On a connection of its own: it is seldom needed.
async function ask(server: Address, manner: ConnectionOptions, command: string[], timeout: number): Promise<Reply> {
  const connection = await Connection.open(server, manner, timeout);
  if (connection instanceof Failure) return connection;
  const replies = await connection.run([command], timeout);
  connection.close();
  if (replies instanceof Failure) return replies;
  const reply = replies[0] ?? null;
  // Another server may know better.
  return reply instanceof Failure && reply.kind === "event" ? Failure.unavailable(reply.error.message) : reply;
}

function read(rest: string): URL {
  let url: URL;
  try {
    url = new URL(`redis://${rest}`);
  } catch {
    throw invalidUrl("the one given cannot be read as a URL");
  }
  if (url.hostname === "") throw invalidUrl("the one given has no host");
  if (rest.includes("#")) throw invalidUrl("the one given has a `#`, as in `#insecure`: certificates are always checked");
  return url;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function databaseOf(url: URL): number {
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  if (path === "") return 0;
  if (!/^\d+$/.test(path)) throw invalidUrl("the one given has a database that is not a number");
  return Number(path);
}

function secrets(url: URL): { username: string | undefined; password: string | undefined } {
  try {
    return { username: decodeURIComponent(url.username) || undefined, password: decodeURIComponent(url.password) || undefined };
  } catch {
    throw invalidUrl("the one given has a user or a password with a `%` that is not escaped as `%25`");
  }
}

// Sentinels have users and passwords of their own, or none.
function sentinelManner(manner: ConnectionOptions, url: URL): ConnectionOptions {
  const secret = (name: string) => url.searchParams.get(name) || undefined;
  return { tls: manner.tls, database: 0, username: secret("sentinelUsername"), password: secret("sentinelPassword") };
}

function node(text: string): Address {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) throw invalidUrl("the one given has a `node` that is not host:port");
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

function shuffled<T>(items: readonly T[]): T[] {
  const keyed = items.map((item) => [Math.random(), item] as const);
  return keyed.sort((a, b) => a[0] - b[0]).map(([, item]) => item);
}
