// A worker of a consumer group. It runs the jobs of one job type from Redis Streams. In: entries of
// the fallback stream or of the inbox. Out: jobs for a handler, their results back to Redis.
// `stream-reader.ts` fetches entries and renews their leases; `lease-queue.ts` holds them; a job
// type (`job.ts`) parses and finishes them. Nothing is lost if this or another worker dies. It does
// not know what a job is about.

import { redisFor } from "../connect.js";
import { type Logger, safeLogger } from "../logger.js";
import { invalidOption, number, resolveOptions } from "../options.js";
import type { RedisBus } from "../redis/bus.js";
import { Group, type StreamKind } from "../redis/streams.js";
import { retryUntil } from "../retry.js";
import { ulid } from "../stamp.js";
import type { WorkerCounters } from "./counters.js";
import { type InFlight, messageOf } from "./in-flight.js";
import type { Job, JobKind } from "./job.js";
import { LeaseQueue } from "./lease-queue.js";
import { type WorkerOptions, resolveWorkerOptions } from "./options.js";
import { StreamReader } from "./stream-reader.js";

/** How many events wait in a group. */
export interface Backlog {
  /**
   * Events that no worker has read; undefined if Redis does not know, as after entries were deleted
   * by hand.
   */
  lag: number | undefined;
  /**
   * Events that a worker has read but not finished: in flight, waiting for a retry, or its worker
   * is gone.
   */
  pending: number;
  /** Dead letters of all groups. */
  dead: number;
}

/** The streams and the group of a worker. */
export interface WorkerSource<J extends Job, Result> {
  readonly streams: StreamKind;
  /** What the group is called in messages, and an example of a name. */
  readonly noun: readonly [name: string, example: string];
  readonly group: string;
  readonly kind: (bus: RedisBus, group: Group, logger: Logger) => JobKind<J, Result>;
}

const CLOSE_TIMEOUT = 10_000;
const BACKLOG_TIMEOUT = 5_000;

/** One worker. */
export class Worker<J extends Job, Result> {
  readonly #bus: RedisBus;
  readonly #queue: LeaseQueue<J, Result>;
  readonly #reader: StreamReader<J, Result>;

  private constructor(bus: RedisBus, queue: LeaseQueue<J, Result>) {
    this.#bus = bus;
    this.#queue = queue;
    this.#reader = new StreamReader(queue);
  }

  /**
   * Starts a worker. An unreachable Redis is retried and no error. @throws ConfigurationError or
   * RefusedError
   */
  static async connect<J extends Job, Result>(url: string, source: WorkerSource<J, Result>, options: WorkerOptions): Promise<Worker<J, Result>> {
    const settings = resolveWorkerOptions(options);
    const [noun, example] = source.noun;
    if (typeof source.group !== "string" || source.group === "") throw invalidOption(noun, `expected the name of a ${noun}, such as \`${example}\``);
    const bus = redisFor(url, resolveOptions({ prefix: options.prefix }));
    const logger = safeLogger(options.logger);
    const failure = await bus.open();
    if (failure?.kind === "configuration") {
      bus.close();
      throw failure.error;
    }
    if (failure !== undefined) logger.warn("cannot connect yet; retrying", { code: failure.error.code, error: failure.error.message });
    const group = new Group(bus, source.streams, source.group, options.worker ?? ulid());
    return new Worker(bus, new LeaseQueue(group, source.kind(bus, group, logger), settings, logger));
  }

  /** Returns the next job; undefined once the worker is closed. */
  next(): Promise<InFlight<J, Result> | undefined> {
    return this.#queue.next();
  }

  /**
   * Passes every job to `attempt`, several at a time, until the worker is closed and the last job
   * has ended.
   */
  async run(attempt: (job: J) => Promise<Result>): Promise<void> {
    const loops = Array.from({ length: this.#queue.settings.atOnce }, async () => {
      for (let job = await this.next(); job !== undefined; job = await this.next()) await this.#handle(job, attempt);
    });
    await Promise.all(loops);
  }

  /**
   * Returns how many events wait in the group. @throws UnavailableError or another WirebellError
   */
  async backlog(): Promise<Backlog> {
    const shards = await retryUntil(BACKLOG_TIMEOUT, () => this.#queue.group.backlog());
    return {
      lag: shards.reduce<number | undefined>((sum, { lag }) => (sum === undefined || lag === undefined ? undefined : sum + lag), 0),
      pending: shards.reduce((sum, { pending }) => sum + pending, 0),
      dead: shards.reduce((sum, { dead }) => sum + dead, 0),
    };
  }

  /** Returns the counters of this worker. */
  counters(): WorkerCounters {
    return { ...this.#queue.counters };
  }

  /**
   * Takes no more jobs, waits for those in flight, and returns the rest to the group. Returns how
   * many have not ended.
   */
  async close(options: { timeout?: number }): Promise<number> {
    const timeout = options.timeout ?? CLOSE_TIMEOUT;
    number("timeout", timeout, 0, 2 ** 31 - 1);
    this.#queue.stop();
    // The reader renews the leases until the jobs in flight have ended.
    const left = await this.#queue.allEnded(timeout);
    this.#reader.stop();
    await this.#reader.ended;
    await this.#queue.leave();
    this.#bus.close();
    return left;
  }

  async #handle(job: InFlight<J, Result>, attempt: (job: J) => Promise<Result>): Promise<void> {
    try {
      const attempted = await settle(() => attempt(job.job));
      await ("result" in attempted ? job.done(attempted.result) : job.failed(attempted.reason));
    } catch (error) {
      this.#queue.logger.warn(this.#queue.kind.messages.resultLost, { id: job.job.id, error: messageOf(error) });
    }
  }
}

async function settle<Result>(attempt: () => Promise<Result>): Promise<{ result: Result } | { reason: unknown }> {
  try {
    return { result: await attempt() };
  } catch (reason) {
    return { reason };
  }
}
