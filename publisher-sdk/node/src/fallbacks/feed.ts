// What goes on behind a worker: it reads the stream as there is room, takes over from workers that are gone, gives signs of
// life for what is in hand, and brings back what is to be tried again. It outlives every outage.

import { Failure } from "../failure.js";
import type { Entry } from "../redis/streams.js";
import { Backoff, pause } from "../retry.js";
import type { Desk } from "./desk.js";

// How often the stream is looked at while nothing comes, and while something does.
const LOOK_EVERY = 150;
const SOON = 5;
// The longest wait after failures.
const LONGEST_WAIT = 2_000;
// Entries of one shard that are taken at once.
const MOST_AT_ONCE = 32;
const SHARDS = 8;

/** Runs until it is stopped. */
export class Feed {
  readonly #desk: Desk;
  readonly #stopped = new AbortController();
  #opened = false;
  // When the last sign of life was given, and when those who are gone were last looked for.
  #kept = Date.now();
  #lookedForTheGone = 0;
  /** Comes true once nothing more is asked of Redis. */
  readonly ended: Promise<void>;

  constructor(desk: Desk) {
    this.#desk = desk;
    this.ended = this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(LONGEST_WAIT);
    let outage = false;
    while (!this.#stopped.signal.aborted) {
      const found = await this.#round();
      if (found instanceof Failure) {
        if (!outage && !this.#stopped.signal.aborted) {
          this.#desk.logger.warn("fallbacks cannot be read, and it is tried again", { code: found.error.code, error: found.error.message });
        }
        outage = true;
        await pause(backoff.wait(found.after), this.#stopped.signal);
        continue;
      }
      if (outage) this.#desk.logger.warn("fallbacks are read again", {});
      outage = false;
      backoff.reset();
      await pause(found ? SOON : LOOK_EVERY, this.#stopped.signal);
    }
  }

  // Answers whether anything was found.
  async #round(): Promise<boolean | Failure> {
    const desk = this.#desk;
    const third = desk.settings.goneAfter / 3;
    const failure = (await this.#open()) ?? (await this.#giveSigns(third)) ?? (await this.#bringBack());
    if (failure !== undefined) return failure;
    const room = desk.room;
    if (room === 0) return false;
    if (Date.now() - this.#lookedForTheGone >= third) {
      const taken = await desk.group.takeOver(desk.settings.goneAfter, (shard, id) => desk.holds(shard, id));
      if (taken instanceof Failure) return taken;
      this.#lookedForTheGone = Date.now();
      desk.counters.takenOver += taken.length;
      const unsorted = await this.#sortOut(taken);
      if (unsorted !== undefined) return unsorted;
    }
    const entries = await desk.group.read(Math.min(Math.ceil(room / SHARDS), MOST_AT_ONCE));
    if (entries instanceof Failure) {
      // The streams are gone, as in a Redis that came back empty: the group is made again.
      if (entries.hasCode("NOGROUP")) this.#opened = false;
      return entries;
    }
    return (await this.#sortOut(entries)) ?? entries.length > 0;
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

  // What has been tried too often by workers that died over it is given up before another does.
  async #sortOut(entries: readonly Entry[]): Promise<Failure | undefined> {
    const most = this.#desk.settings.tries;
    const unreadable = this.#desk.take(entries.filter(({ tries }) => tries <= most));
    const hopeless = entries.filter(({ tries }) => tries > most);
    for (const entry of [...hopeless, ...unreadable]) {
      const reason = entry.tries > most ? "its workers died over it" : "it is not an event that has fallen back";
      this.#desk.logger.error("a fallback has become a dead letter", { entry: entry.id, reason });
      const failure = await this.#desk.group.bury(entry, reason);
      if (failure !== undefined) return failure;
      this.#desk.counters.dead += 1;
    }
    return undefined;
  }
}
