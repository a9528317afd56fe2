// The queue of leased entries of one worker: ready, handed out, or waiting for a retry.

import type { Failure } from "../failure.js";
import type { Logger } from "../logger.js";
import type { Entry, Group } from "../redis/streams.js";
import { TIMEOUT, withDeadline } from "../retry.js";
import type { WorkerCounters } from "./counters.js";
import { InFlight, type LeasedEntry } from "./in-flight.js";
import type { Job, JobKind } from "./job.js";
import type { WorkerSettings } from "./options.js";

// Most leased entries, including those that wait for a retry. If every attempt fails, the worker
// takes no more, and other workers may succeed.
const MAX_LEASED = 1_000;
// How long returning unhandled entries to the group may take, in milliseconds.
const GIVE_BACK_TIMEOUT = 5_000;

/** The leased entries of a worker. */
export class LeaseQueue<J extends Job, Result> {
  readonly group: Group;
  readonly kind: JobKind<J, Result>;
  readonly settings: WorkerSettings;
  readonly logger: Logger;
  readonly counters: WorkerCounters = { handedOut: 0, done: 0, failed: 0, dead: 0, takenOver: 0 };
  #ready: LeasedEntry<J>[] = [];
  readonly #handedOut = new Map<string, Entry>();
  // Ordering keys of the jobs handed out. Other jobs with such a key wait.
  readonly #busyKeys = new Set<string>();
  #retries: { at: number; entry: Entry }[] = [];
  #closed = false;
  // Calls of `next` that wait for a job.
  #waiters: ((inFlight: InFlight<J, Result> | undefined) => void)[] = [];
  #whenEnded: (() => void)[] = [];

  constructor(group: Group, kind: JobKind<J, Result>, settings: WorkerSettings, logger: Logger) {
    this.group = group;
    this.kind = kind;
    this.settings = settings;
    this.logger = logger;
  }

  /** Hands out the oldest job that is free; undefined once the queue is closed. */
  next(): Promise<InFlight<J, Result> | undefined> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#handOut();
    });
  }

  /** Adds entries from the stream, and returns those that cannot be read. */
  add(entries: readonly Entry[]): Entry[] {
    const unreadable: Entry[] = [];
    for (const entry of entries) {
      const job = this.kind.read(entry);
      if (job === undefined) unreadable.push(entry);
      else this.#ready.push({ entry, job });
    }
    this.#handOut();
    return unreadable;
  }

  /** How many more entries may be fetched. */
  get capacity(): number {
    if (this.#closed) return 0;
    const leased = this.#ready.length + this.#handedOut.size + this.#retries.length;
    // Only a few free entries are fetched ahead: other workers may be idle.
    const ahead = this.#ready.filter((entry) => this.#isFree(entry)).length;
    return Math.max(0, Math.min(MAX_LEASED - leased, 2 * this.settings.atOnce - ahead));
  }

  /** All leased entries. */
  get leased(): Entry[] {
    return [...this.#ready.map(({ entry }) => entry), ...this.#retries.map(({ entry }) => entry), ...this.#handedOut.values()];
  }

  /** Returns whether the entry is leased. */
  has(shard: number, id: string): boolean {
    return this.leased.some((entry) => entry.shard === shard && entry.id === id);
  }

  /** Schedules a retry. The wait doubles with every attempt. */
  scheduleRetry(entry: Entry): void {
    const { backoff, longestBackoff } = this.settings;
    const doubled = Math.min(backoff * 2 ** Math.min(entry.tries - 1, 16), longestBackoff);
    this.#retries.push({ at: Date.now() + doubled * (0.9 + Math.random() / 5), entry });
  }

  /** Removes and returns the retries that are due. */
  dueRetries(): Entry[] {
    const now = Date.now();
    const due = this.#retries.filter(({ at }) => at <= now);
    this.#retries = this.#retries.filter(({ at }) => at > now);
    return due.map(({ entry }) => entry);
  }

  /** Removes the entry from those handed out. */
  release({ entry, job }: LeasedEntry<J>): void {
    if (!this.#handedOut.delete(position(entry))) return;
    const key = this.kind.orderingKey?.(job);
    if (key !== undefined) this.#busyKeys.delete(key);
    this.#handOut();
    if (this.#handedOut.size === 0) for (const resolve of this.#whenEnded.splice(0)) resolve();
  }

  /** Stops handing out jobs. */
  stop(): void {
    this.#closed = true;
    for (const resolve of this.#waiters.splice(0)) resolve(undefined);
  }

  /** Waits until all jobs handed out have ended, at most `timeout`. Returns how many have not. */
  async allEnded(timeout: number): Promise<number> {
    if (this.#handedOut.size > 0) {
      await withDeadline(Date.now() + timeout, new Promise<void>((resolve) => this.#whenEnded.push(resolve)));
    }
    return this.#handedOut.size;
  }

  /** Returns the entries that are not handed out to the group, and removes the worker from it. */
  async leave(): Promise<void> {
    const failure = await withDeadline(Date.now() + GIVE_BACK_TIMEOUT, this.#giveBack());
    if (failure === undefined) return;
    // Other workers take the entries over later.
    const error = failure === TIMEOUT ? `no reply within ${GIVE_BACK_TIMEOUT} ms` : failure.error.message;
    this.logger.warn("cannot return unhandled events to the group; other workers take them over later", { error });
  }

  async #giveBack(): Promise<Failure | undefined> {
    const { goneAfter } = this.settings;
    for (const { entry } of this.#ready.splice(0)) {
      // The stream counts a delivery, but no attempt was made.
      const failure = await this.group.setAttempt(entry, goneAfter, entry.tries - 1);
      if (failure !== undefined) return failure;
    }
    for (const { at, entry } of this.#retries.splice(0)) {
      const failure = await this.group.setAttempt(entry, goneAfter - Math.max(0, at - Date.now()), entry.tries);
      if (failure !== undefined) return failure;
    }
    return this.group.leave();
  }

  #handOut(): void {
    while (this.#waiters.length > 0) {
      if (this.#closed) return this.stop();
      const first = this.#ready.findIndex((leased) => this.#isFree(leased));
      const [leased] = first < 0 ? [] : this.#ready.splice(first, 1);
      if (leased === undefined) return;
      const key = this.kind.orderingKey?.(leased.job);
      if (key !== undefined) this.#busyKeys.add(key);
      this.#handedOut.set(position(leased.entry), leased.entry);
      this.counters.handedOut += 1;
      this.#waiters.shift()?.(new InFlight(this, leased));
    }
  }

  #isFree({ job }: LeasedEntry<J>): boolean {
    const key = this.kind.orderingKey?.(job);
    return key === undefined || !this.#busyKeys.has(key);
  }
}

function position({ shard, id }: Entry): string {
  return `${shard} ${id}`;
}
