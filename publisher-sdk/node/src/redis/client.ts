// The connections to a Redis deployment. They open at first use. After a failure they are dropped;
// the next request looks up the primaries and opens new ones. Opening also loads the scripts,
// because a Redis that was restarted or failed over has lost them.

import { ClosedError } from "../errors.js";
import { Failure } from "../failure.js";
import type { Settings } from "../options.js";
import { Keys } from "../protocol/keys.js";
import { Retentions } from "../protocol/retention.js";
import type { Reply } from "./connection.js";
import { RedisEndpoint } from "./endpoint.js";
import { type Request, Routes, type RouteSettings } from "./routes.js";

/** The current connections to a Redis deployment, and its keys. */
export class RedisClient {
  readonly keys: Keys;
  readonly retentions: Retentions;
  readonly #settings: RouteSettings;
  // The current connections. Concurrent callers share one attempt to open them.
  #routes: Promise<Routes | Failure> | undefined;
  #opened: Routes | undefined;
  #closed = false;

  /** @throws ConfigurationError with the code `bad_url` */
  constructor(url: string, settings: Settings) {
    this.keys = new Keys(settings.prefix);
    this.retentions = new Retentions(settings.retention, settings.logRules);
    const { connectTimeout, answerTimeout } = settings;
    this.#settings = { endpoint: RedisEndpoint.of(url), connectTimeout, answerTimeout };
  }

  async open(): Promise<Failure | undefined> {
    const routes = await this.routes();
    return routes instanceof Failure ? routes : undefined;
  }

  close(): void {
    this.#closed = true;
    this.#opened?.close(true);
    void this.#routes?.then((routes) => routes instanceof Routes && routes.close(true));
  }

  /** Returns the connections, and opens them if there are none. */
  async routes(): Promise<Routes | Failure> {
    if (this.#closed) return Failure.event(new ClosedError());
    // Connections that broke while idle are replaced before a request uses them.
    if (this.#opened !== undefined && !this.#opened.isAlive) this.drop(this.#opened);
    this.#routes ??= this.#open();
    return this.#routes;
  }

  /** Drops these connections, unless they were replaced already. */
  drop(routes: Routes): void {
    routes.close();
    if (this.#opened !== routes) return;
    this.#opened = undefined;
    this.#routes = undefined;
  }

  /** Sends several requests; returns one reply for each. */
  async request(requests: readonly Request[]): Promise<Reply[]> {
    const routes = await this.routes();
    if (routes instanceof Failure) return requests.map(() => routes);
    const replies = await routes.request(requests);
    if (replies.some((reply) => reply instanceof Failure && reply.reconnect)) this.drop(routes);
    return replies;
  }

  /** Sends several requests; returns all replies, or the first failure. */
  async requestAll(requests: readonly Request[]): Promise<Exclude<Reply, Failure>[] | Failure> {
    const replies = await this.request(requests);
    const failure = replies.find((reply) => reply instanceof Failure);
    return failure instanceof Failure ? failure : (replies as Exclude<Reply, Failure>[]);
  }

  /** Sends one request. */
  async requestOne(request: Request): Promise<Reply> {
    const [reply] = await this.request([request]);
    return reply ?? null;
  }

  async #open(): Promise<Routes | Failure> {
    const routes = await Routes.open(this.#settings);
    if (routes instanceof Failure) this.#routes = undefined;
    else if (this.#closed) routes.close();
    else this.#opened = routes;
    return routes;
  }
}
