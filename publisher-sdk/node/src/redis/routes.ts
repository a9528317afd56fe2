// Routes: a connection to every primary, who has which slots, and how requests get to the right one.

import { Failure } from "../failure.js";
import type { Call } from "../protocol/calls.js";
import { barrier } from "../protocol/keys.js";
import { Connection, type Reply } from "./connection.js";
import type { RedisEndpoint } from "./endpoint.js";
import { command, load } from "./scripts.js";
import { type Slots, type Address, name } from "./slots.js";

/** Something to ask of Redis. */
export interface Request {
  /** The key that it is about. */
  readonly key: string;
  readonly words: readonly string[];
  /** It counts as done only once a replica has it. */
  readonly replicated?: boolean;
}

/** What has to be known to connect. */
export interface RouteSettings {
  readonly place: RedisEndpoint;
  readonly connectTimeout: number;
  readonly answerTimeout: number;
}

/** A call of a script. */
export function call(call: Call, replicated = false): Request {
  return { key: call.keys[0] ?? "", words: command(call), replicated };
}

/** A command whose first argument is the key that it is about. */
export function about(verb: string, key: string, ...rest: string[]): Request {
  return { key, words: [verb, key, ...rest] };
}

// The connections to one primary.
interface Primary {
  readonly address: Address;
  readonly shared: Connection;
  // Where replicas are waited for, opened when first needed: Redis takes nothing more from a connection that waits, and
  // what need not wait must not be held up.
  replicated: Promise<Connection | Failure> | undefined;
}

/** Every primary's connections, and who has which slots. */
export class Routes {
  readonly #settings: RouteSettings;
  readonly #slots: Slots;
  readonly #primaries: ReadonlyMap<string, Primary>;

  private constructor(settings: RouteSettings, slots: Slots, primaries: ReadonlyMap<string, Primary>) {
    this.#settings = settings;
    this.#slots = slots;
    this.#primaries = primaries;
  }

  /** Finds out where the data are, and connects to all who have some. */
  static async open(settings: RouteSettings): Promise<Routes | Failure> {
    const slots = await settings.place.slots(settings.connectTimeout);
    if (slots instanceof Failure) return slots;
    const opened = await Promise.all(slots.owners().map((owner) => connect(owner, settings)));
    const failure = opened.find((primary) => primary instanceof Failure);
    const primaries = opened.flatMap((primary) => (primary instanceof Failure ? [] : [primary]));
    const routes = new Routes(settings, slots, new Map(primaries.map((primary) => [name(primary.address), primary])));
    if (failure === undefined) return routes;
    routes.close();
    return failure;
  }

  /** Is every connection still of use? */
  get isAlive(): boolean {
    for (const primary of this.#primaries.values()) if (!primary.shared.isAlive) return false;
    return true;
  }

  /** Ends all connections: those that somebody waits for once they have answered, or with `now` at once. */
  close(now = false): void {
    const end = (connection: Connection) => (now ? connection.close() : connection.retire());
    for (const primary of this.#primaries.values()) {
      end(primary.shared);
      void primary.replicated?.then((connection) => connection instanceof Connection && end(connection));
    }
  }

  /** One pipeline to each primary that has some of it; one answer a request. Those about one key are asked in order. */
  async ask(requests: readonly Request[]): Promise<Reply[]> {
    const nowhere = Failure.unavailable("no connection to the Redis that has this key").withReconnect();
    const answers: Reply[] = requests.map(() => nowhere);
    const pipelines = [...this.#sort(requests)].map(async ([primary, places]) => {
      const done = await this.#run(
        primary,
        places.flatMap((place) => requests[place] ?? []),
      );
      // The connection's fault is shared by each of its requests. An answer may well be null.
      places.forEach((place, at) => (answers[place] = done instanceof Failure ? done.withReconnect() : (done[at] as Reply)));
    });
    await Promise.all(pipelines);
    return answers;
  }

  // The places of the requests, by who has their keys.
  #sort(requests: readonly Request[]): Map<Primary, number[]> {
    const sorted = new Map<Primary, number[]>();
    requests.forEach((request, place) => {
      const owner = this.#slots.owner(request.key);
      const primary = owner === undefined ? undefined : this.#primaries.get(name(owner));
      if (primary === undefined) return;
      const places = sorted.get(primary);
      if (places === undefined) sorted.set(primary, [place]);
      else places.push(place);
    });
    return sorted;
  }

  // One pipeline. A failure is the connection's; those of single requests are among the answers.
  async #run(primary: Primary, requests: readonly Request[]): Promise<Reply[] | Failure> {
    const first = requests.find((request) => request.replicated);
    // Also for what need not be replicated: their order is that of one connection.
    const connection = first === undefined ? primary.shared : await this.#replicated(primary);
    if (connection instanceof Failure) return connection;
    const timeout = this.#settings.answerTimeout;
    // An event that was published before writes nothing now, and `WAIT` is about what this connection has written: so that
    // it covers what came before as well, there is always something.
    const wait = first === undefined ? [] : waiting(first.key, timeout);
    const replies = await connection.run([...requests.map((request) => request.words), ...wait], timeout);
    if (replies instanceof Failure) return replies;
    // Somebody flushed the scripts. What was not run is run now, in its order.
    const missed = requests.flatMap((_, place) => (isMissing(replies[place]) ? [place] : []));
    if (missed.length > 0) {
      const failed = await load(connection, timeout, false);
      if (failed !== undefined) return failed;
      const again = await connection.run([...missed.flatMap((place) => [requests[place]?.words ?? []]), ...wait], timeout);
      if (again instanceof Failure) return again;
      // What stands behind the requests is about the replicas, if they were asked.
      [...missed, ...wait.map((_, at) => requests.length + at)].forEach((place, at) => (replies[place] = again[at] as Reply));
    }
    const missing = first === undefined ? undefined : notReplicated(replies.slice(requests.length), timeout);
    const answers = replies.slice(0, requests.length);
    if (missing === undefined) return answers;
    return answers.map((answer, at) => (requests[at]?.replicated && !(answer instanceof Failure) ? missing : answer));
  }

  #replicated(primary: Primary): Promise<Connection | Failure> {
    primary.replicated ??= Connection.open(primary.address, this.#settings.place.manner, this.#settings.connectTimeout);
    return primary.replicated;
  }
}

async function connect(address: Address, settings: RouteSettings): Promise<Primary | Failure> {
  const shared = await Connection.open(address, settings.place.manner, settings.connectTimeout);
  if (shared instanceof Failure) return shared;
  const failure = await load(shared, settings.connectTimeout, settings.place.canMove);
  if (failure === undefined) return { address, shared, replicated: undefined };
  shared.close();
  return failure;
}

function isMissing(reply: Reply | undefined): boolean {
  return reply instanceof Failure && reply.error.message.includes("NOSCRIPT");
}

function waiting(key: string, answerTimeout: number): string[][] {
  return [
    ["SET", barrier(key), "1", "PX", "1000"],
    ["WAIT", "1", String(replicasWithin(answerTimeout))],
  ];
}

// For how long replicas are waited for: an answer that they are late has to come while it is still waited for.
function replicasWithin(answerTimeout: number): number {
  return Math.max(1, Math.floor(answerTimeout / 2));
}

// What it means for those that have to be replicated, unless a replica has them.
function notReplicated(waited: readonly Reply[], answerTimeout: number): Failure | undefined {
  const failure = waited.find((reply) => reply instanceof Failure);
  if (failure instanceof Failure) return failure;
  const replicas = waited.at(-1);
  if (typeof replicas === "number" && replicas >= 1) return undefined;
  return Failure.unavailable(
    `the primary has the event, and no replica had it within ${replicasWithin(answerTimeout)} ms; ` +
      "publishing it again under the same id is safe",
  );
}
