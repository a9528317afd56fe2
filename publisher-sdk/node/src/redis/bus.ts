// Redis as the bus: one multiplexed connection to every primary, opened at need and again after a loss, and pipelines of
// scripts. One server is the case of one primary that has all slots.
//
// After a failure all connections are taken out of their place, and the next request finds out where the data are and
// opens others. Loading the scripts belongs to opening, since a Redis that was restarted or failed over has forgotten
// them.

import { ClosedError } from "../errors.js";
import { Failure } from "../failure.js";
import type { Settings } from "../options.js";
import type { PublishResult } from "../publish-result.js";
import type { StampedEvent } from "../protocol/event.js";
import { Keys } from "../protocol/keys.js";
import type { Receipt, State } from "../protocol/receipt.js";
import { Retentions } from "../protocol/retention.js";
import type { Cancelled, Transport } from "../transport.js";
import type { Reply } from "./connection.js";
import { RedisEndpoint } from "./endpoint.js";
import { send } from "./publish.js";
import { cancel, receipts, states } from "./records.js";
import { type Request, Routes, type RouteSettings } from "./routes.js";

/** Redis: one server, one behind sentinels, or a Cluster. */
export class RedisBus implements Transport {
  readonly keys: Keys;
  readonly retentions: Retentions;
  readonly #settings: RouteSettings;
  // The connections of now. All who find none wait for one of them to open some.
  #routes: Promise<Routes | Failure> | undefined;
  #opened: Routes | undefined;
  #closed = false;

  /** @throws ConfigurationError with the code `bad_url` */
  constructor(url: string, settings: Settings) {
    this.keys = new Keys(settings.prefix);
    this.retentions = new Retentions(settings.retention, settings.logRules);
    const { connectTimeout, answerTimeout } = settings;
    this.#settings = { place: RedisEndpoint.of(url), connectTimeout, answerTimeout };
  }

  async open(): Promise<Failure | undefined> {
    const routes = await this.routes();
    return routes instanceof Failure ? routes : undefined;
  }

  send(events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]> {
    return send(this, events, deadline);
  }

  states(id: string, channels: readonly string[]): Promise<(State | undefined)[] | Failure> {
    return states(this, id, channels);
  }

  receipts(id: string): Promise<Receipt[] | Failure> {
    return receipts(this, id);
  }

  cancel(id: string): Promise<Cancelled | Failure> {
    return cancel(this, id);
  }

  close(): void {
    this.#closed = true;
    this.#opened?.close(true);
    void this.#routes?.then((routes) => routes instanceof Routes && routes.close(true));
  }

  /** The connections; opens them if there are none. */
  async routes(): Promise<Routes | Failure> {
    if (this.#closed) return Failure.event(new ClosedError());
    // One that was lost while nobody waited for it is replaced before anybody does.
    if (this.#opened !== undefined && !this.#opened.isAlive) this.forget(this.#opened);
    this.#routes ??= this.#open();
    return this.#routes;
  }

  /** Takes the connections out, unless somebody has put others there since. */
  forget(routes: Routes): void {
    routes.close();
    if (this.#opened !== routes) return;
    this.#opened = undefined;
    this.#routes = undefined;
  }

  /** Asks for several things; one answer each. */
  async ask(requests: readonly Request[]): Promise<Reply[]> {
    const routes = await this.routes();
    if (routes instanceof Failure) return requests.map(() => routes);
    const answers = await routes.ask(requests);
    if (answers.some((answer) => answer instanceof Failure && answer.reconnect)) this.forget(routes);
    return answers;
  }

  /** All answers, or the first failure. */
  async askAll(requests: readonly Request[]): Promise<Exclude<Reply, Failure>[] | Failure> {
    const answers = await this.ask(requests);
    const failure = answers.find((answer) => answer instanceof Failure);
    return failure instanceof Failure ? failure : (answers as Exclude<Reply, Failure>[]);
  }

  /** Asks for one thing. */
  async askOne(request: Request): Promise<Reply> {
    const [answer] = await this.ask([request]);
    return answer ?? null;
  }

  async #open(): Promise<Routes | Failure> {
    const routes = await Routes.open(this.#settings);
    if (routes instanceof Failure) this.#routes = undefined;
    else if (this.#closed) routes.close();
    else this.#opened = routes;
    return routes;
  }
}
