// Fallbacks: a service takes over what no device has acknowledged by its deadline.
//
// An event gets into the fallback stream exactly once. From there a consumer group hands it to one of the group's workers,
// at least once: where a worker dies after it has sent the text message and before it has said so, another sends it again.
// So what a handler does should be harmless twice; the event's id tells.

import { guarded } from "../logger.js";
import { badOption, number, settle } from "../options.js";
import type { RedisBus } from "../redis/bus.js";
import { Group } from "../redis/streams.js";
import { until } from "../retry.js";
import { ulid } from "../stamp.js";
import { redisAt } from "../transport.js";
import type { Claim, Fallback } from "./claim.js";
import { Desk, type FallbackCounters } from "./desk.js";
import { Feed } from "./feed.js";
import { type FallbacksOptions, settleDesk } from "./options.js";

/** How much waits for a group. */
export interface Backlog {
  /** Events that no worker has got yet; undefined if Redis does not know, as after entries were deleted by hand. */
  lag: number | undefined;
  /** Events that a worker has got and not finished: in its hand, waiting for another try, or its worker is gone. */
  pending: number;
  /** Dead letters, of all groups. */
  dead: number;
}

const CLOSING = 10_000;
const ASKING = 5_000;

/** One worker of a consumer group on the fallback stream. */
export class Fallbacks implements AsyncIterable<Claim> {
  readonly #bus: RedisBus;
  readonly #desk: Desk;
  readonly #feed: Feed;

  private constructor(bus: RedisBus, desk: Desk) {
    this.#bus = bus;
    this.#desk = desk;
    this.#feed = new Feed(desk);
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
    const desk = settleDesk(options);
    if (typeof group !== "string" || group === "") throw badOption("group", "expected the name of a group, such as `text-messages`");
    const bus = redisAt(url, settle({ prefix: options.prefix }));
    const logger = guarded(options.logger);
    const failure = await bus.open();
    if (failure?.verdict === "door") {
      bus.close();
      throw failure.error;
    }
    if (failure !== undefined) logger.warn("no connection yet, it is tried again", { code: failure.error.code, error: failure.error.message });
    return new Fallbacks(bus, new Desk(new Group(bus, "fallback", group, options.worker ?? ulid()), desk, logger));
  }

  /** The next event to be taken over, to be finished with `done` or `failed`; undefined once the worker is closed. */
  next(): Promise<Claim | undefined> {
    return this.#desk.next();
  }

  /** Every event to be taken over, one after the other, until the worker is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Claim, void, void> {
    for (let claim = await this.next(); claim !== undefined; claim = await this.next()) yield claim;
  }

  /**
   * Hands every event to the handler, several at a time, until the worker is closed, and returns when the last handler has.
   * What throws is tried again later, and ends as a dead letter: see `tries` and `backoff`.
   */
  async run(handler: (fallback: Fallback) => unknown): Promise<void> {
    const hands = Array.from({ length: this.#desk.settings.atOnce }, async () => {
      for await (const claim of this) await this.#handle(claim, handler);
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
  counters(): FallbackCounters {
    return { ...this.#desk.counters };
  }

  /**
   * Takes nothing more, waits for what is in somebody's hand, but no longer than `timeout` milliseconds (usually 10,000),
   * and gives back the rest: other workers get it at once. Answers how many were still in hand at the end: they are tried
   * again by others once this worker counts as gone.
   */
  async close(options: { timeout?: number } = {}): Promise<number> {
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

  async #handle(claim: Claim, handler: (fallback: Fallback) => unknown): Promise<void> {
    try {
      const failed = await attempt(claim, handler);
      await (failed === undefined ? claim.done() : claim.failed(failed.reason));
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      this.#desk.logger.warn("nobody was told how taking over an event ended: it will be tried again", { id: claim.id, error: words });
    }
  }
}

async function attempt(claim: Claim, handler: (fallback: Fallback) => unknown): Promise<{ reason: unknown } | undefined> {
  const { id, channel, at, event, json, tries } = claim;
  try {
    await handler({ id, channel, at, event, json, tries });
    return undefined;
  } catch (reason) {
    return { reason };
  }
}
