// What goes on behind a worker: it reads the stream as there is room, takes over from workers that are gone, gives signs of
// life for what is in hand, and brings back what is to be tried again. It outlives every outage.

import { Failure } from "../failure.js";
import type { Entry, ClaimedEntries } from "../redis/streams.js";
import { Backoff, pause } from "../retry.js";
import type { LeaseQueue } from "./lease-queue.js";
import type { Job } from "./job.js";

// After how long the stream is looked at again after something came. While nothing does, each wait is twice the one before.
const SOON = 5;
// The longest wait after failures.
const LONGEST_WAIT = 2_000;
// Entries of one shard that are taken at once.
const MOST_AT_ONCE = 32;
const SHARDS = 8;

/** Runs until it is stopped. */
export class StreamReader<J extends Job, Result> {
  readonly #desk: LeaseQueue<J, Result>;
  readonly #stopped = new AbortController();
  #opened = false;
  // When the last sign of life was given, and when those who are gone were last looked for.
  #kept = Date.now();
  #lookedForTheGone = 0;
  // Something failed: Redis may have counted entries as this worker's whose answer never came.
  #inDoubt = false;
  /** Comes true once nothing more is asked of Redis. */
  readonly ended: Promise<void>;

  constructor(desk: LeaseQueue<J, Result>) {
    this.#desk = desk;
    this.ended = this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(LONGEST_WAIT);
    const { kind, logger } = this.#desk;
    let outage = false;
    let wait = SOON;
    while (!this.#stopped.signal.aborted) {
      const found = await this.#round();
      if (found instanceof Failure) {
        if (!outage && !this.#stopped.signal.aborted) {
          logger.warn(kind.words.outage, { code: found.error.code, error: found.error.message });
        }
        outage = true;
        this.#inDoubt = true;
        await pause(backoff.wait(found.retryAfter), this.#stopped.signal);
        continue;
      }
      if (outage) logger.warn(kind.words.outageOver, {});
      outage = false;
      backoff.reset();
      wait = found ? SOON : Math.min(2 * wait, kind.lookEvery);
      await pause(wait, this.#stopped.signal);
    }
  }

  // Answers whether anything was found.
  async #round(): Promise<boolean | Failure> {
    const { settings } = this.#desk;
    const third = settings.goneAfter / 3;
    const failure = (await this.#open()) ?? (await this.#giveSigns(third)) ?? (await this.#bringBack());
    if (failure !== undefined) return failure;
    const room = this.#desk.room;
    if (room === 0) return false;
    const late = (await this.#find()) ?? (await this.#takeOver(third));
    // A shard that is away keeps nobody from what is in the others.
    if (late?.reconnect) return late;
    const read = await this.#desk.group.read(Math.min(Math.ceil(room / SHARDS), MOST_AT_ONCE));
    // The streams are gone, as in a Redis that came back empty: the group is made again.
    if (read.failure?.hasCode("NOGROUP")) this.#opened = false;
    return (await this.#add(read)) ?? late ?? read.entries.length > 0;
  }

  async #open(): Promise<Failure | undefined> {
    if (this.#opened) return undefined;
    const failure = await this.#desk.group.open();
    this.#opened = failure === undefined;
    return failure;
  }

  async #giveSigns(every: number): Promise<Failure | undefined> {
    if (Date.now() - this.#kept < every) return undefined;
    const failure = await this.#desk.group.keep(this.#desk.inHand);
    if (failure === undefined) this.#kept = Date.now();
    return failure;
  }

  async #bringBack(): Promise<Failure | undefined> {
    const due = this.#desk.due();
    for (const [at, entry] of due.entries()) {
      const next = { ...entry, tries: entry.tries + 1 };
      // That it is tried once more has to outlive this worker.
      const failure = await this.#desk.group.again(next);
      if (failure !== undefined) {
        for (const kept of due.slice(at)) this.#desk.later(kept);
        return failure;
      }
      this.#desk.take([next]);
    }
    return undefined;
  }

  // What Redis says is in this worker's hand, and is not.
  async #find(): Promise<Failure | undefined> {
    if (!this.#inDoubt) return undefined;
    const found = await this.#desk.group.mislaid((shard, id) => this.#desk.holds(shard, id));
    this.#inDoubt = found.failure !== undefined;
    return this.#add(found);
  }

  async #takeOver(every: number): Promise<Failure | undefined> {
    if (Date.now() - this.#lookedForTheGone < every) return undefined;
    const { counters, group, settings } = this.#desk;
    const taken = await group.takeOver(settings.goneAfter, (shard, id) => this.#desk.holds(shard, id));
    if (taken.failure === undefined) this.#lookedForTheGone = Date.now();
    counters.takenOver += taken.entries.length;
    return this.#add(taken);
  }

  // Whatever failed, what is in hand already must not wait for that.
  async #add({ entries, failure }: ClaimedEntries): Promise<Failure | undefined> {
    return (await this.#sortOut(entries)) ?? failure;
  }

  // What has been tried too often by workers that died over it is given up before another does.
  async #sortOut(entries: readonly Entry[]): Promise<Failure | undefined> {
    const { counters, kind, logger, settings } = this.#desk;
    const unreadable = this.#desk.take(entries.filter(({ tries }) => tries <= settings.tries));
    const hopeless = entries.filter(({ tries }) => tries > settings.tries);
    for (const entry of [...hopeless, ...unreadable]) {
      const reason = entry.tries > settings.tries ? "its workers died over it" : kind.words.unreadable;
      logger.error(kind.words.dead, { entry: entry.id, reason });
      const afterwards = await kind.bury(entry, kind.read(entry), reason);
      if (afterwards instanceof Failure) return afterwards;
      counters.dead += 1;
      await afterwards?.();
    }
    return undefined;
  }
}
