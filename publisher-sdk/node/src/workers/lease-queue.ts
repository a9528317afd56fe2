// The desk: what a worker has in its hand. Some of it is ready to be handed out, some is handed out, some waits for another
// try.

import type { Failure } from "../failure.js";
import type { Logger } from "../logger.js";
import type { Entry, Group } from "../redis/streams.js";
import { TIMEOUT, withDeadline } from "../retry.js";
import { InFlight } from "./in-flight.js";
import type { Job, JobKind } from "./job.js";
import type { WorkerSettings } from "./options.js";

// Most entries in one worker's hand, those that wait for another try among them: where every try fails, nothing more is
// taken, and others may be luckier.
const MOST_IN_HAND = 1_000;
// For how long it is tried to give back what is not handed out.
const GIVING_BACK = 5_000;

/** What a worker has done since it was made. */
export interface WorkerCounters {
  /** Handed out, each try counted. */
  handedOut: number;
  /** Finished. */
  done: number;
  /** Tries that failed. */
  failed: number;
  /** Given up: they are dead letters now. */
  dead: number;
  /** Taken over from workers that were gone. */
  takenOver: number;
}

/** An entry, and what it says. */
export interface LeasedEntry<J> {
  readonly entry: Entry;
  readonly job: J;
}

/** What a worker has in its hand. */
export class LeaseQueue<J extends Job, Result> {
  readonly group: Group;
  readonly kind: JobKind<J, Result>;
  readonly settings: WorkerSettings;
  readonly logger: Logger;
  readonly counters: WorkerCounters = { handedOut: 0, done: 0, failed: 0, dead: 0, takenOver: 0 };
  #ready: LeasedEntry<J>[] = [];
  readonly #handedOut = new Map<string, Entry>();
  // Whose turn it is just now: what has the same turn waits.
  readonly #turns = new Set<string>();
  #later: { at: number; entry: Entry }[] = [];
  #closed = false;
  #askers: ((hold: InFlight<J, Result> | undefined) => void)[] = [];
  #whenEnded: (() => void)[] = [];

  constructor(group: Group, kind: JobKind<J, Result>, settings: WorkerSettings, logger: Logger) {
    this.group = group;
    this.kind = kind;
    this.settings = settings;
    this.logger = logger;
  }

  /** Hands out what has been ready for longest and may go; nothing once the desk is closed. */
  next(): Promise<InFlight<J, Result> | undefined> {
    return new Promise((resolve) => {
      this.#askers.push(resolve);
      this.#serve();
    });
  }

  /** Takes entries from the stream, to be handed out; answers those that nobody can read. */
  take(entries: readonly Entry[]): Entry[] {
    const unreadable: Entry[] = [];
    for (const entry of entries) {
      const job = this.kind.read(entry);
      if (job === undefined) unreadable.push(entry);
      else this.#ready.push({ entry, job });
    }
    this.#serve();
    return unreadable;
  }

  /** How many more entries may be taken. */
  get room(): number {
    if (this.#closed) return 0;
    const inHand = this.#ready.length + this.#handedOut.size + this.#later.length;
    // No more is read ahead than is soon handed out: other workers are idle, maybe.
    const ahead = this.#ready.filter((held) => this.#mayGo(held)).length;
    return Math.max(0, Math.min(MOST_IN_HAND - inHand, 2 * this.settings.atOnce - ahead));
  }

  /** Everything in hand. */
  get inHand(): Entry[] {
    return [...this.#ready.map(({ entry }) => entry), ...this.#later.map(({ entry }) => entry), ...this.#handedOut.values()];
  }

  /** Is it in hand? */
  holds(shard: number, id: string): boolean {
    return this.inHand.some((entry) => entry.shard === shard && entry.id === id);
  }

  /** It is tried again, after a while that doubles with each try. */
  later(entry: Entry): void {
    const { backoff, longestBackoff } = this.settings;
    const doubled = Math.min(backoff * 2 ** Math.min(entry.tries - 1, 16), longestBackoff);
    this.#later.push({ at: Date.now() + doubled * (0.9 + Math.random() / 5), entry });
  }

  /** Takes back what has waited long enough for another try. */
  due(): Entry[] {
    const now = Date.now();
    const due = this.#later.filter(({ at }) => at <= now);
    this.#later = this.#later.filter(({ at }) => at > now);
    return due.map(({ entry }) => entry);
  }

  /** It is nobody's any more. */
  letGo({ entry, job }: LeasedEntry<J>): void {
    if (!this.#handedOut.delete(place(entry))) return;
    const turn = this.kind.turn?.(job);
    if (turn !== undefined) this.#turns.delete(turn);
    this.#serve();
    if (this.#handedOut.size === 0) for (const tell of this.#whenEnded.splice(0)) tell();
  }

  /** Hands out nothing more. */
  shut(): void {
    this.#closed = true;
    for (const give of this.#askers.splice(0)) give(undefined);
  }

  /** Waits until everything that is handed out has come to its end, but not for longer. Answers how many have not. */
  async allEnded(timeout: number): Promise<number> {
    if (this.#handedOut.size > 0) {
      await withDeadline(Date.now() + timeout, new Promise<void>((resolve) => this.#whenEnded.push(resolve)));
    }
    return this.#handedOut.size;
  }

  /** Gives back what is not handed out, and takes leave. */
  async leave(): Promise<void> {
    const failure = await withDeadline(Date.now() + GIVING_BACK, this.#giveBack());
    if (failure === undefined) return;
    // Others will notice.
    this.logger.warn("a worker goes without a goodbye", failure === TIMEOUT ? {} : { error: failure.error.message });
  }

  async #giveBack(): Promise<Failure | undefined> {
    const { goneAfter } = this.settings;
    for (const { entry } of this.#ready.splice(0)) {
      // It was not tried, whatever the stream says.
      const failure = await this.group.set(entry, goneAfter, entry.tries - 1);
      if (failure !== undefined) return failure;
    }
    for (const { at, entry } of this.#later.splice(0)) {
      const failure = await this.group.set(entry, goneAfter - Math.max(0, at - Date.now()), entry.tries);
      if (failure !== undefined) return failure;
    }
    return this.group.leave();
  }

  #serve(): void {
    while (this.#askers.length > 0) {
      if (this.#closed) return this.shut();
      const first = this.#ready.findIndex((held) => this.#mayGo(held));
      const [held] = first < 0 ? [] : this.#ready.splice(first, 1);
      if (held === undefined) return;
      const turn = this.kind.turn?.(held.job);
      if (turn !== undefined) this.#turns.add(turn);
      this.#handedOut.set(place(held.entry), held.entry);
      this.counters.handedOut += 1;
      this.#askers.shift()?.(new InFlight(this, held));
    }
  }

  #mayGo({ job }: LeasedEntry<J>): boolean {
    const turn = this.kind.turn?.(job);
    return turn === undefined || !this.#turns.has(turn);
  }
}

function place({ shard, id }: Entry): string {
  return `${shard} ${id}`;
}
