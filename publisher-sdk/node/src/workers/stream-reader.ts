// The background loop of a worker: fills its lease queue from the stream, renews leases, takes over
// the entries of workers that are gone, and starts retries. It continues through every outage of
// Redis.

import { Failure } from "../failure.js";
import type { ClaimedEntries, Entry } from "../redis/streams.js";
import { Backoff, pause } from "../retry.js";
import type { Job } from "./job.js";
import type { LeaseQueue } from "./lease-queue.js";

// Milliseconds until the next poll after something was found. Every empty poll doubles the wait.
const SHORTEST_WAIT = 5;
// The longest wait after failures.
const LONGEST_WAIT = 2_000;
// Most entries of one shard that one poll takes.
const MAX_PER_SHARD = 32;
const SHARDS = 8;

/** Runs until it is stopped. */
export class StreamReader<J extends Job, Result> {
  readonly #queue: LeaseQueue<J, Result>;
  readonly #stopped = new AbortController();
  #opened = false;
  #lastRenewal = Date.now();
  #lastTakeOver = 0;
  // After a failure, Redis may have assigned entries to this worker in a reply that was lost.
  #inDoubt = false;
  /** Resolves after the last request to Redis. */
  readonly ended: Promise<void>;

  constructor(queue: LeaseQueue<J, Result>) {
    this.#queue = queue;
    this.ended = this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(LONGEST_WAIT);
    const { kind, logger } = this.#queue;
    let outage = false;
    let wait = SHORTEST_WAIT;
    while (!this.#stopped.signal.aborted) {
      const found = await this.#poll();
      if (found instanceof Failure) {
        if (!outage && !this.#stopped.signal.aborted) {
          logger.warn(kind.messages.outage, { code: found.error.code, error: found.error.message });
        }
        outage = true;
        this.#inDoubt = true;
        await pause(backoff.wait(found.retryAfter), this.#stopped.signal);
        continue;
      }
      if (outage) logger.warn(kind.messages.outageOver, {});
      outage = false;
      backoff.reset();
      wait = found ? SHORTEST_WAIT : Math.min(2 * wait, kind.pollEvery);
      await pause(wait, this.#stopped.signal);
    }
  }

  // Polls once. Returns whether anything was found.
  async #poll(): Promise<boolean | Failure> {
    const { settings } = this.#queue;
    const third = settings.goneAfter / 3;
    const failure = (await this.#open()) ?? (await this.#renewLeases(third)) ?? (await this.#startRetries());
    if (failure !== undefined) return failure;
    const capacity = this.#queue.capacity;
    if (capacity === 0) return false;
    const claimFailure = (await this.#claimOwn()) ?? (await this.#takeOver(third));
    // An unreachable shard does not hold up entries of the other shards.
    if (claimFailure?.reconnect) return claimFailure;
    const read = await this.#queue.group.read(Math.min(Math.ceil(capacity / SHARDS), MAX_PER_SHARD));
    // The streams are gone, for example after Redis restarted empty: the group is created again.
    if (read.failure?.hasCode("NOGROUP")) this.#opened = false;
    return (await this.#add(read)) ?? claimFailure ?? read.entries.length > 0;
  }

  async #open(): Promise<Failure | undefined> {
    if (this.#opened) return undefined;
    const failure = await this.#queue.group.open();
    this.#opened = failure === undefined;
    return failure;
  }

  async #renewLeases(every: number): Promise<Failure | undefined> {
    if (Date.now() - this.#lastRenewal < every) return undefined;
    const failure = await this.#queue.group.renew(this.#queue.leased);
    if (failure === undefined) this.#lastRenewal = Date.now();
    return failure;
  }

  async #startRetries(): Promise<Failure | undefined> {
    const due = this.#queue.dueRetries();
    for (const [at, entry] of due.entries()) {
      const next = { ...entry, tries: entry.tries + 1 };
      // Redis must count the attempt before it starts: the count has to survive this worker.
      const failure = await this.#queue.group.startAttempt(next);
      if (failure !== undefined) {
        for (const rest of due.slice(at)) this.#queue.scheduleRetry(rest);
        return failure;
      }
      this.#queue.add([next]);
    }
    return undefined;
  }

  // Claims entries that Redis assigns to this worker but that it does not have.
  async #claimOwn(): Promise<Failure | undefined> {
    if (!this.#inDoubt) return undefined;
    const found = await this.#queue.group.claimOwn((shard, id) => this.#queue.has(shard, id));
    this.#inDoubt = found.failure !== undefined;
    return this.#add(found);
  }

  async #takeOver(every: number): Promise<Failure | undefined> {
    if (Date.now() - this.#lastTakeOver < every) return undefined;
    const { counters, group, settings } = this.#queue;
    const claimed = await group.takeOver(settings.goneAfter, (shard, id) => this.#queue.has(shard, id));
    if (claimed.failure === undefined) this.#lastTakeOver = Date.now();
    counters.takenOver += claimed.entries.length;
    return this.#add(claimed);
  }

  // Adds the claimed entries even if a shard failed, and returns the failure.
  async #add({ entries, failure }: ClaimedEntries): Promise<Failure | undefined> {
    return (await this.#addOrBury(entries)) ?? failure;
  }

  // Adds entries to the queue. Unreadable ones become dead letters, and so do entries whose workers
  // died in every attempt.
  async #addOrBury(entries: readonly Entry[]): Promise<Failure | undefined> {
    const { counters, kind, logger, settings } = this.#queue;
    const unreadable = this.#queue.add(entries.filter(({ tries }) => tries <= settings.tries));
    const exhausted = entries.filter(({ tries }) => tries > settings.tries);
    for (const entry of [...exhausted, ...unreadable]) {
      const reason = entry.tries > settings.tries ? "its workers died while handling it" : kind.messages.unreadable;
      logger.error(kind.messages.dead, { entry: entry.id, reason });
      const followUp = await kind.deadLetter(entry, kind.read(entry), reason);
      if (followUp instanceof Failure) return followUp;
      counters.dead += 1;
      await followUp?.();
    }
    return undefined;
  }
}
