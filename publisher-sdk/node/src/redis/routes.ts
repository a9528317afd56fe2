// Routes: a connection to every primary, the owner of each slot, and how requests reach the right
// server.

import { Failure } from "../failure.js";
import type { Call } from "../protocol/calls.js";
import { barrier } from "../protocol/keys.js";
import { Connection, type Reply } from "./connection.js";
import type { RedisEndpoint } from "./endpoint.js";
import { evalCommand, loadScripts } from "./scripts.js";
import { type Slots, type Address, name } from "./slots.js";

/** One command for Redis. */
export interface Request {
  /** The key that decides about the slot. */
  readonly key: string;
  readonly args: readonly string[];
  /** The command succeeds only once a replica has its writes. */
  readonly replicated?: boolean;
}

/** What is needed to open connections. */
export interface RouteSettings {
  readonly endpoint: RedisEndpoint;
  readonly connectTimeout: number;
  readonly answerTimeout: number;
}

/** Returns the request for a script call. */
export function scriptCall(call: Call, replicated = false): Request {
  return { key: call.keys[0] ?? "", args: evalCommand(call), replicated };
}

/** Returns the request for a command whose first argument is its key. */
export function command(name: string, key: string, ...rest: string[]): Request {
  return { key, args: [name, key, ...rest] };
}

// The connections to one primary.
interface Primary {
  readonly address: Address;
  readonly shared: Connection;
  // A separate connection for commands that wait for replicas, opened at first use. Redis runs
  // nothing else on a connection that waits, and other commands must not be held up.
  replicated: Promise<Connection | Failure> | undefined;
}

/** The connections to all primaries, and the owners of the slots. */
export class Routes {
  readonly #settings: RouteSettings;
  readonly #slots: Slots;
  readonly #primaries: ReadonlyMap<string, Primary>;

  private constructor(settings: RouteSettings, slots: Slots, primaries: ReadonlyMap<string, Primary>) {
    this.#settings = settings;
    this.#slots = slots;
    this.#primaries = primaries;
  }

  /** Looks up the primaries and connects to all of them. */
  static async open(settings: RouteSettings): Promise<Routes | Failure> {
    const slots = await settings.endpoint.slots(settings.connectTimeout);
    if (slots instanceof Failure) return slots;
    const opened = await Promise.all(slots.owners().map((owner) => connect(owner, settings)));
    const failure = opened.find((primary) => primary instanceof Failure);
    const primaries = opened.flatMap((primary) => (primary instanceof Failure ? [] : [primary]));
    const routes = new Routes(settings, slots, new Map(primaries.map((primary) => [name(primary.address), primary])));
    if (failure === undefined) return routes;
    routes.close();
    return failure;
  }

  /** Whether every connection is usable. */
  get isAlive(): boolean {
    for (const primary of this.#primaries.values()) if (!primary.shared.isAlive) return false;
    return true;
  }

  /** Closes all connections: after their commands in flight, or at once with `now`. */
  close(now = false): void {
    const end = (connection: Connection) => (now ? connection.close() : connection.retire());
    for (const primary of this.#primaries.values()) {
      end(primary.shared);
      void primary.replicated?.then((connection) => connection instanceof Connection && end(connection));
    }
  }

  /**
   * Sends one pipeline to each primary; returns one reply per request. Requests for one key stay in
   * order.
   */
  async request(requests: readonly Request[]): Promise<Reply[]> {
    const noRoute = Failure.unavailable("no connection to the Redis server of this key").withReconnect();
    const replies: Reply[] = requests.map(() => noRoute);
    const pipelines = [...this.#byPrimary(requests)].map(async ([primary, indexes]) => {
      const done = await this.#run(
        primary,
        indexes.flatMap((index) => requests[index] ?? []),
      );
      // A failure of the connection is the result of all its requests. A reply may be null.
      indexes.forEach((index, at) => (replies[index] = done instanceof Failure ? done.withReconnect() : (done[at] as Reply)));
    });
    await Promise.all(pipelines);
    return replies;
  }

  // Groups the indexes of the requests by the primary that owns their keys.
  #byPrimary(requests: readonly Request[]): Map<Primary, number[]> {
    const groups = new Map<Primary, number[]>();
    requests.forEach((request, index) => {
      const owner = this.#slots.owner(request.key);
      const primary = owner === undefined ? undefined : this.#primaries.get(name(owner));
      if (primary === undefined) return;
      const indexes = groups.get(primary);
      if (indexes === undefined) groups.set(primary, [index]);
      else indexes.push(index);
    });
    return groups;
  }

  // Runs one pipeline. A returned failure is the connection's; failures of single requests are
  // among the replies.
  async #run(primary: Primary, requests: readonly Request[]): Promise<Reply[] | Failure> {
    const first = requests.find((request) => request.replicated);
    // Other requests use the same connection: only one connection keeps their order.
    const connection = first === undefined ? primary.shared : await this.#replicated(primary);
    if (connection instanceof Failure) return connection;
    const timeout = this.#settings.answerTimeout;
    // `WAIT` covers the writes of this connection only. An event that was published before writes
    // nothing now, so a barrier write makes `WAIT` cover the earlier write as well.
    const wait = first === undefined ? [] : waitCommands(first.key, timeout);
    const replies = await connection.run([...requests.map((request) => request.args), ...wait], timeout);
    if (replies instanceof Failure) return replies;
    // The scripts were flushed from Redis. Requests that failed for this are run again, in order.
    const missed = requests.flatMap((_, index) => (isMissing(replies[index]) ? [index] : []));
    if (missed.length > 0) {
      const failed = await loadScripts(connection, timeout, false);
      if (failed !== undefined) return failed;
      const again = await connection.run([...missed.flatMap((index) => [requests[index]?.args ?? []]), ...wait], timeout);
      if (again instanceof Failure) return again;
      // The replies after those of the requests belong to the wait commands, if there are any.
      [...missed, ...wait.map((_, at) => requests.length + at)].forEach((index, at) => (replies[index] = again[at] as Reply));
    }
    const missing = first === undefined ? undefined : notReplicated(replies.slice(requests.length), timeout);
    const answers = replies.slice(0, requests.length);
    if (missing === undefined) return answers;
    return answers.map((answer, at) => (requests[at]?.replicated && !(answer instanceof Failure) ? missing : answer));
  }

  #replicated(primary: Primary): Promise<Connection | Failure> {
    primary.replicated ??= Connection.open(primary.address, this.#settings.endpoint.options, this.#settings.connectTimeout);
    return primary.replicated;
  }
}

async function connect(address: Address, settings: RouteSettings): Promise<Primary | Failure> {
  const shared = await Connection.open(address, settings.endpoint.options, settings.connectTimeout);
  if (shared instanceof Failure) return shared;
  const failure = await loadScripts(shared, settings.connectTimeout, settings.endpoint.canMove);
  if (failure === undefined) return { address, shared, replicated: undefined };
  shared.close();
  return failure;
}

function isMissing(reply: Reply | undefined): boolean {
  return reply instanceof Failure && reply.error.message.includes("NOSCRIPT");
}

function waitCommands(key: string, answerTimeout: number): string[][] {
  return [
    ["SET", barrier(key), "1", "PX", "1000"],
    ["WAIT", "1", String(replicaTimeout(answerTimeout))],
  ];
}

// How long to wait for replicas. It is shorter than the answer timeout, so that the reply arrives
// in time.
function replicaTimeout(answerTimeout: number): number {
  return Math.max(1, Math.floor(answerTimeout / 2));
}

// Returns the failure for requests that must be replicated, unless a replica has their writes.
function notReplicated(waited: readonly Reply[], answerTimeout: number): Failure | undefined {
  const failure = waited.find((reply) => reply instanceof Failure);
  if (failure instanceof Failure) return failure;
  const replicas = waited.at(-1);
  if (typeof replicas === "number" && replicas >= 1) return undefined;
  return Failure.unavailable(
    `the primary has the event, but no replica had it within ${replicaTimeout(answerTimeout)} ms; ` +
      "publish it again with the same id",
  );
}
