// The buffer behind `enqueue`: bounded in events and in bytes, first in, first out.

import type { Answer, PendingEvent } from "./delivery.js";
import { WirebellError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { StampedEvent } from "./protocol/event.js";
import { TIMEOUT, withDeadline } from "./retry.js";

/** How waiting for the buffer ended. */
export interface Flushed {
  /** `done`: all has been published, or refused for good. `timed_out`: the time was over. `closed`: before, by another. */
  readonly ended: "done" | "timed_out" | "closed";
  /** Events that wait. After `flush` they go on being tried; after `close` they are lost. */
  readonly waiting: number;
}

/**
 * What became of the events given to `enqueue`, since the publisher was made. `enqueued` is always the sum of `published`,
 * `refused` and `waiting`.
 */
export interface Counters {
  /** Taken into the buffer. */
  enqueued: number;
  /** The bus has them. */
  published: number;
  /** The bus refused them for good. */
  refused: number;
  /** Times that an event had to be tried again. */
  retried: number;
  /** Not taken into the buffer, since it was full or closed. */
  dropped: number;
  /** Not taken into the buffer, since they were wrong. */
  invalid: number;
  /** In the buffer now, or on their way. */
  waiting: number;
  /** The bytes of those, as JSON. */
  waitingBytes: number;
}

/** How much may wait. */
export interface Limits {
  readonly events: number;
  readonly bytes: number;
}

/** What waits, and how far the pump behind it has come. */
export class EventBuffer {
  readonly #limits: Limits;
  readonly #logger: Logger;
  readonly #counters: Counters = {
    enqueued: 0,
    published: 0,
    refused: 0,
    retried: 0,
    dropped: 0,
    invalid: 0,
    waiting: 0,
    waitingBytes: 0,
  };
  #queue: PendingEvent[] = [];
  #nextSlot = 0;
  // The number of the oldest event without an answer.
  #oldest = 0;
  #closed = false;
  #ended = false;
  // The last event was turned away, which is told once and not for each.
  #overflowing = false;
  #wake: () => void = () => {};
  #waiters = new Set<() => void>();

  constructor(limits: Limits, logger: Logger) {
    this.#limits = limits;
    this.#logger = logger;
  }

  /** Takes an event, if there is room. */
  push(event: StampedEvent, bytes: number): "accepted" | "full" | "closed" {
    if (this.#closed) {
      this.#counters.dropped += 1;
      return "closed";
    }
    const counters = this.#counters;
    if (counters.waiting + 1 > this.#limits.events || counters.waitingBytes + bytes > this.#limits.bytes) {
      counters.dropped += 1;
      if (!this.#overflowing) this.#logger.warn("the buffer is full, events are turned away", { id: event.id, waiting: counters.waiting });
      this.#overflowing = true;
      return "full";
    }
    this.#overflowing = false;
    this.#queue.push({ slot: this.#nextSlot, bytes, event });
    this.#nextSlot += 1;
    counters.enqueued += 1;
    counters.waiting += 1;
    counters.waitingBytes += bytes;
    this.#wake();
    return "accepted";
  }

  /** An event was wrong, and never came here. */
  countInvalid(): void {
    this.#counters.invalid += 1;
  }

  /** Takes out what has waited longest. */
  take(most: number): PendingEvent[] {
    return most <= 0 ? [] : this.#queue.splice(0, most);
  }

  /** Books the answers; `hand` holds what was taken out and has none yet. */
  resolve(settled: readonly (readonly [PendingEvent, Answer])[], hand: readonly PendingEvent[]): void {
    for (const [{ bytes }, answer] of settled) {
      this.#counters.waiting -= 1;
      this.#counters.waitingBytes -= bytes;
      if (answer instanceof WirebellError) this.#counters.refused += 1;
      else this.#counters.published += 1;
    }
    this.#counters.retried += hand.length;
    this.#oldest = (hand[0] ?? this.#queue[0])?.slot ?? this.#nextSlot;
    this.#notifyWaiters();
  }

  /** Waits until there is something to do. */
  arrival(): Promise<void> {
    if (this.#queue.length > 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => (this.#wake = resolve));
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Takes no more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The pump has ended: what waits is lost. */
  end(): void {
    this.close();
    this.#ended = true;
    this.#notifyWaiters();
  }

  /** Waits until every event taken so far has its answer. */
  async flushed(timeout: number): Promise<Flushed> {
    const target = this.#nextSlot;
    const done = new Promise<void>((resolve) => {
      const look = () => {
        if (this.#oldest < target && !this.#ended) return;
        this.#waiters.delete(look);
        resolve();
      };
      this.#waiters.add(look);
      look();
    });
    const reached = await withDeadline(Date.now() + timeout, done);
    const waiting = this.#counters.waiting;
    if (this.#oldest >= target) return { ended: "done", waiting };
    return { ended: reached === TIMEOUT ? "timed_out" : "closed", waiting };
  }

  counters(): Counters {
    return { ...this.#counters };
  }

  #notifyWaiters(): void {
    for (const look of [...this.#waiters]) look();
  }
}
