// A worker of a consumer group: it hands out what comes, and sees to it that nothing is lost when it or another dies.

import { type Logger, safeLogger } from "../logger.js";
import { invalidOption, number, resolveOptions } from "../options.js";
import type { RedisBus } from "../redis/bus.js";
import { Group, type Kind } from "../redis/streams.js";
import { retryUntil } from "../retry.js";
import { ulid } from "../stamp.js";
import { redisFor } from "../transport.js";
import { LeaseQueue, type WorkerCounters } from "./lease-queue.js";
import { StreamReader } from "./stream-reader.js";
import { type InFlight, words } from "./in-flight.js";
import type { Job, JobKind } from "./job.js";
import { type WorkerOptions, resolveWorkerOptions } from "./options.js";

/** How much waits for a group. */
export interface Backlog {
  /** Events that no worker has got yet; undefined if Redis does not know, as after entries were deleted by hand. */
  lag: number | undefined;
  /** Events that a worker has got and not finished: in its hand, waiting for another try, or its worker is gone. */
  pending: number;
  /** Dead letters, of all groups. */
  dead: number;
}

/** What a worker reads, and in whose name. */
export interface WorkerSource<J extends Job, Result> {
  readonly streams: Kind;
  /** What the caller calls the group's name, and an example of one. */
  readonly calls: readonly [name: string, example: string];
  readonly group: string;
  readonly kind: (bus: RedisBus, group: Group, logger: Logger) => JobKind<J, Result>;
}

const CLOSING = 10_000;
const ASKING = 5_000;

/** One worker. */
export class Worker<J extends Job, Result> {
  readonly #bus: RedisBus;
  readonly #desk: LeaseQueue<J, Result>;
  readonly #feed: StreamReader<J, Result>;

  private constructor(bus: RedisBus, desk: LeaseQueue<J, Result>) {
    this.#bus = bus;
    this.#desk = desk;
    this.#feed = new StreamReader(desk);
  }

  /** @throws ConfigurationError or RefusedError; a Redis that cannot be reached is no error */
  static async connect<J extends Job, Result>(url: string, source: WorkerSource<J, Result>, options: WorkerOptions): Promise<Worker<J, Result>> {
    const settings = resolveWorkerOptions(options);
    const [name, example] = source.calls;
    if (typeof source.group !== "string" || source.group === "") throw invalidOption(name, `expected the name of a ${name}, such as \`${example}\``);
    const bus = redisFor(url, resolveOptions({ prefix: options.prefix }));
    const logger = safeLogger(options.logger);
    const failure = await bus.open();
    if (failure?.kind === "configuration") {
      bus.close();
      throw failure.error;
    }
    if (failure !== undefined) logger.warn("no connection yet, it is tried again", { code: failure.error.code, error: failure.error.message });
    const group = new Group(bus, source.streams, source.group, options.worker ?? ulid());
    return new Worker(bus, new LeaseQueue(group, source.kind(bus, group, logger), settings, logger));
  }

  /** The next job; undefined once the worker is closed. */
  next(): Promise<InFlight<J, Result> | undefined> {
    return this.#desk.next();
  }

  /** Has every job tried, several at a time, until the worker is closed and the last one has come to its end. */
  async run(attempt: (job: J) => Promise<Result>): Promise<void> {
    const hands = Array.from({ length: this.#desk.settings.atOnce }, async () => {
      for (let hold = await this.next(); hold !== undefined; hold = await this.next()) await this.#handle(hold, attempt);
    });
    await Promise.all(hands);
  }

  /** How much waits for the group. @throws UnavailableError and the like */
  async backlog(): Promise<Backlog> {
    const shards = await retryUntil(ASKING, () => this.#desk.group.backlog());
    return {
      lag: shards.reduce<number | undefined>((sum, { lag }) => (sum === undefined || lag === undefined ? undefined : sum + lag), 0),
      pending: shards.reduce((sum, { pending }) => sum + pending, 0),
      dead: shards.reduce((sum, { dead }) => sum + dead, 0),
    };
  }

  /** What this worker has done so far. */
  counters(): WorkerCounters {
    return { ...this.#desk.counters };
  }

  /** Takes nothing more, waits for what is handed out, gives back the rest. Answers how many were still handed out. */
  async close(options: { timeout?: number }): Promise<number> {
    const timeout = options.timeout ?? CLOSING;
    number("timeout", timeout, 0, 2 ** 31 - 1);
    this.#desk.shut();
    // Signs of life are given for as long as somebody is at work.
    const left = await this.#desk.allEnded(timeout);
    this.#feed.stop();
    await this.#feed.ended;
    await this.#desk.leave();
    this.#bus.close();
    return left;
  }

  async #handle(hold: InFlight<J, Result>, attempt: (job: J) => Promise<Result>): Promise<void> {
    try {
      const tried = await outcome(() => attempt(hold.job));
      await ("result" in tried ? hold.done(tried.result) : hold.failed(tried.reason));
    } catch (error) {
      this.#desk.logger.warn(this.#desk.kind.words.untold, { id: hold.job.id, error: words(error) });
    }
  }
}

async function outcome<Result>(attempt: () => Promise<Result>): Promise<{ result: Result } | { reason: unknown }> {
  try {
    return { result: await attempt() };
  } catch (reason) {
    return { reason };
  }
}
