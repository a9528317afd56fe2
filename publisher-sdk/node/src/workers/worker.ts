// A worker of a consumer group: it hands out what comes, and sees to it that nothing is lost when it or another dies.

import { type Logger, guarded } from "../logger.js";
import { badOption, number, settle } from "../options.js";
import type { RedisBus } from "../redis/bus.js";
import { Group, type Kind } from "../redis/streams.js";
import { until } from "../retry.js";
import { ulid } from "../stamp.js";
import { redisAt } from "../transport.js";
import { Desk, type WorkerCounters } from "./desk.js";
import { Feed } from "./feed.js";
import { type Hold, words } from "./hold.js";
import type { Job, JobKind } from "./job.js";
import { type WorkerOptions, settleDesk } from "./options.js";

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
export interface Place<J extends Job, Result> {
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
  readonly #desk: Desk<J, Result>;
  readonly #feed: Feed<J, Result>;

  private constructor(bus: RedisBus, desk: Desk<J, Result>) {
    this.#bus = bus;
    this.#desk = desk;
    this.#feed = new Feed(desk);
  }

  /** @throws ConfigurationError or RefusedError; a Redis that cannot be reached is no error */
  static async connect<J extends Job, Result>(url: string, place: Place<J, Result>, options: WorkerOptions): Promise<Worker<J, Result>> {
    const settings = settleDesk(options);
    const [name, example] = place.calls;
    if (typeof place.group !== "string" || place.group === "") throw badOption(name, `expected the name of a ${name}, such as \`${example}\``);
    const bus = redisAt(url, settle({ prefix: options.prefix }));
    const logger = guarded(options.logger);
    const failure = await bus.open();
    if (failure?.verdict === "door") {
      bus.close();
      throw failure.error;
    }
    if (failure !== undefined) logger.warn("no connection yet, it is tried again", { code: failure.error.code, error: failure.error.message });
    const group = new Group(bus, place.streams, place.group, options.worker ?? ulid());
    return new Worker(bus, new Desk(group, place.kind(bus, group, logger), settings, logger));
  }

  /** The next job; undefined once the worker is closed. */
  next(): Promise<Hold<J, Result> | undefined> {
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
    const shards = await until(ASKING, () => this.#desk.group.backlog());
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

  async #handle(hold: Hold<J, Result>, attempt: (job: J) => Promise<Result>): Promise<void> {
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
