// Fallbacks: a service takes over what no device has acknowledged by its deadline.
//
// An event gets into the fallback stream exactly once. From there a consumer group hands it to one of the group's workers,
// at least once: where a worker dies after it has sent the text message and before it has said so, another sends it again.
// So what a handler does should be harmless twice; the event's id tells.

import type { WorkerCounters } from "../workers/lease-queue.js";
import type { WorkerOptions } from "../workers/options.js";
import { type Backlog, Worker } from "../workers/worker.js";
import { Claim, type Fallback, fallbackJobs } from "./claim.js";

/** What can be chosen. Times are in milliseconds. */
export type FallbacksOptions = WorkerOptions;

/** What a worker has done since it was made. */
export type FallbackCounters = WorkerCounters;

/** One worker of a consumer group on the fallback stream. */
export class Fallbacks implements AsyncIterable<Claim> {
  readonly #worker: Worker<Fallback, void>;

  private constructor(worker: Worker<Fallback, void>) {
    this.#worker = worker;
  }

  /**
   * A worker of the group. A Redis that cannot be reached is no error: it is tried again until it is there. A wrong
   * password is one, and so is a URL that is not one of Redis.
   *
   * A group that is new gets everything that has fallen back before and still stands in the stream.
   *
   * @throws ConfigurationError or RefusedError
   */
  static async connect(url: string, group: string, options: FallbacksOptions = {}): Promise<Fallbacks> {
    const calls = ["group", "text-messages"] as const;
    return new Fallbacks(await Worker.connect(url, { streams: "fallback", calls, group, kind: (_, group) => fallbackJobs(group) }, options));
  }

  /** The next event to be taken over, to be finished with `done` or `failed`; undefined once the worker is closed. */
  async next(): Promise<Claim | undefined> {
    const hold = await this.#worker.next();
    return hold === undefined ? undefined : new Claim(hold);
  }

  /** Every event to be taken over, one after the other, until the worker is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Claim, void, void> {
    for (let claim = await this.next(); claim !== undefined; claim = await this.next()) yield claim;
  }

  /**
   * Hands every event to the handler, several at a time, until the worker is closed, and returns when the last handler has.
   * What throws is tried again later, and ends as a dead letter: see `tries` and `backoff`.
   */
  run(handler: (fallback: Fallback) => unknown): Promise<void> {
    return this.#worker.run(async (fallback) => {
      await handler(fallback);
    });
  }

  /** How much waits for the group. @throws UnavailableError and the like */
  backlog(): Promise<Backlog> {
    return this.#worker.backlog();
  }

  /** What this worker has done so far. */
  counters(): FallbackCounters {
    return this.#worker.counters();
  }

  /**
   * Takes nothing more, waits for what is in somebody's hand, but no longer than `timeout` milliseconds (usually 10,000),
   * and gives back the rest: other workers get it at once. Answers how many were still in hand at the end: they are tried
   * again by others once this worker counts as gone.
   */
  close(options: { timeout?: number } = {}): Promise<number> {
    return this.#worker.close(options);
  }
}
