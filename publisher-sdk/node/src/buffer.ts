// The buffer of `enqueue`: a first-in, first-out queue, bounded in events and in bytes.

import type { EventResult, PendingEvent } from "./delivery.js";
import { WirebellError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { StampedEvent } from "./protocol/event.js";
import { TIMEOUT, withDeadline } from "./retry.js";

/** The result of waiting for the buffer to empty. */
export interface Flushed {
  /**
   * `done`: every event was published or rejected. `timed_out`: the timeout elapsed first.
   * `closed`: another caller closed the publisher first.
   */
  readonly ended: "done" | "timed_out" | "closed";
  /** Events still waiting. After `flush` they are retried; after `close` they are lost. */
  readonly waiting: number;
}

/**
 * Counters of the events passed to `enqueue` since the publisher was created. `enqueued` always
 * equals the sum of `published`, `refused` and `waiting`.
 */
export interface Counters {
  /** Events added to the buffer. */
  enqueued: number;
  /** Events that the bus has. */
  published: number;
  /** Events that the bus rejected; they are not retried. */
  refused: number;
  /** Retries; an event counts each time it is retried. */
  retried: number;
  /** Events not added because the buffer was full or closed. */
  dropped: number;
  /** Events not added because they were invalid. */
  invalid: number;
  /** Events now in the buffer or on their way to the bus. */
  waiting: number;
  /** Bytes of the waiting events, as JSON. */
  waitingBytes: number;
}

/** The bounds of the buffer. */
export interface Limits {
  readonly events: number;
  readonly bytes: number;
}

/** The events that wait for the pump, and their counters. */
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
  #nextNumber = 0;
  // The number of the oldest event without a result.
  #oldest = 0;
  #closed = false;
  #ended = false;
  // The last event was dropped. An overflow is logged once, not for each event.
  #overflowing = false;
  #wake: () => void = () => {};
  #waiters = new Set<() => void>();

  constructor(limits: Limits, logger: Logger) {
    this.#limits = limits;
    this.#logger = logger;
  }

  /** Adds an event if there is room. */
  push(event: StampedEvent, bytes: number): "accepted" | "full" | "closed" {
    if (this.#closed) {
      this.#counters.dropped += 1;
      return "closed";
    }
    const counters = this.#counters;
    if (counters.waiting + 1 > this.#limits.events || counters.waitingBytes + bytes > this.#limits.bytes) {
      counters.dropped += 1;
      if (!this.#overflowing) this.#logger.warn("the buffer is full; new events are dropped", { id: event.id, waiting: counters.waiting });
      this.#overflowing = true;
      return "full";
    }
    this.#overflowing = false;
    this.#queue.push({ number: this.#nextNumber, bytes, event });
    this.#nextNumber += 1;
    counters.enqueued += 1;
    counters.waiting += 1;
    counters.waitingBytes += bytes;
    this.#wake();
    return "accepted";
  }

  /** Counts an event that was invalid and not added. */
  countInvalid(): void {
    this.#counters.invalid += 1;
  }

  /** Removes and returns up to `most` events, the oldest first. */
  take(most: number): PendingEvent[] {
    return most <= 0 ? [] : this.#queue.splice(0, most);
  }

  /** Counts the results. `retry` holds the events that were taken out and have no result yet. */
  resolve(results: readonly (readonly [PendingEvent, EventResult])[], retry: readonly PendingEvent[]): void {
    for (const [{ bytes }, result] of results) {
      this.#counters.waiting -= 1;
      this.#counters.waitingBytes -= bytes;
      if (result instanceof WirebellError) this.#counters.refused += 1;
      else this.#counters.published += 1;
    }
    this.#counters.retried += retry.length;
    this.#oldest = (retry[0] ?? this.#queue[0])?.number ?? this.#nextNumber;
    this.#notifyWaiters();
  }

  /** Waits until the buffer has an event or is closed. */
  arrival(): Promise<void> {
    if (this.#queue.length > 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => (this.#wake = resolve));
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Stops accepting events. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Closes the buffer after the pump has stopped. Waiting events are lost. */
  end(): void {
    this.close();
    this.#ended = true;
    this.#notifyWaiters();
  }

  /** Waits until every event added so far has a result. */
  async flushed(timeout: number): Promise<Flushed> {
    const target = this.#nextNumber;
    const done = new Promise<void>((resolve) => {
      const check = () => {
        if (this.#oldest < target && !this.#ended) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
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
    for (const check of [...this.#waiters]) check();
  }
}
