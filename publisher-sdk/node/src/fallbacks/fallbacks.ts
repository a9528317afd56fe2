// Workers of the fallback stream: a service handles events that no device acknowledged by their
// deadline. In: entries of the fallback stream. Out: fallback events for a handler, and dead
// letters.
//
// An event is added to the fallback stream exactly once. Each consumer group delivers it to one of
// its workers at least once: if a worker dies after it sent an SMS and before it reported that,
// another worker sends the SMS again. Handlers must be idempotent; the event's id identifies a
// repetition.

import type { WorkerCounters } from "../workers/counters.js";
import type { WorkerOptions } from "../workers/options.js";
import { type Backlog, Worker } from "../workers/worker.js";
import { Claim, type Fallback, fallbackJobs } from "./claim.js";

/** Options of a fallback worker. Times are in milliseconds. */
export type FallbacksOptions = WorkerOptions;

/** Counters of a fallback worker since it was created. */
export type FallbackCounters = WorkerCounters;

/** One worker of a consumer group on the fallback stream. */
export class Fallbacks implements AsyncIterable<Claim> {
  readonly #worker: Worker<Fallback, void>;

  private constructor(worker: Worker<Fallback, void>) {
    this.#worker = worker;
  }

  /**
   * Starts a worker of the group. An unreachable Redis is retried and no error; a wrong password
   * and a URL of another scheme are errors.
   *
   * A new group starts with all fallback events that are still stored.
   *
   * @throws ConfigurationError or RefusedError
   */
  static async connect(url: string, group: string, options: FallbacksOptions = {}): Promise<Fallbacks> {
    const noun = ["group", "text-messages"] as const;
    return new Fallbacks(await Worker.connect(url, { streams: "fallback", noun, group, kind: (_, group) => fallbackJobs(group) }, options));
  }

  /**
   * Returns the next event; finish it with `done` or `failed`. Undefined once the worker is closed.
   */
  async next(): Promise<Claim | undefined> {
    const inFlight = await this.#worker.next();
    return inFlight === undefined ? undefined : new Claim(inFlight);
  }

  /** Iterates over the events, one after the other, until the worker is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Claim, void, void> {
    for (let claim = await this.next(); claim !== undefined; claim = await this.next()) yield claim;
  }

  /**
   * Passes every event to the handler, several at a time, until the worker is closed and the last
   * handler has returned. If a handler throws, the event is retried later and in the end becomes a
   * dead letter: see `tries` and `backoff`.
   */
  run(handler: (fallback: Fallback) => unknown): Promise<void> {
    return this.#worker.run(async (fallback) => {
      await handler(fallback);
    });
  }

  /**
   * Returns how many events wait in the group. @throws UnavailableError or another WirebellError
   */
  backlog(): Promise<Backlog> {
    return this.#worker.backlog();
  }

  /** Returns the counters of this worker. */
  counters(): FallbackCounters {
    return this.#worker.counters();
  }

  /**
   * Takes no more events, waits up to `timeout` milliseconds (10,000 by default) for those in
   * flight, and returns the rest to the group: other workers get them at once. Returns how many
   * were still in flight; others handle them again once this worker counts as gone.
   */
  close(options: { timeout?: number } = {}): Promise<number> {
    return this.#worker.close(options);
  }
}
