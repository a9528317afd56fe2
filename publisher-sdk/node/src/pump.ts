// The pump of `enqueue`: publishes the events of the buffer in order, and retries until it
// succeeds.

import type { EventBuffer } from "./buffer.js";
import { type EventResult, MAX_BATCH, type PendingEvent, attempt } from "./delivery.js";
import { WirebellError } from "./errors.js";
import type { Failure } from "./failure.js";
import type { Logger } from "./logger.js";
import { Backoff, pause } from "./retry.js";
import type { Transport } from "./transport.js";

// The longest wait between two attempts. It bounds the delay after the bus has recovered.
const LONGEST_WAIT = 2_000;

/** Runs until it is stopped, or until the buffer is closed and empty. */
export class Pump {
  readonly #transport: Transport;
  readonly #buffer: EventBuffer;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #outage = false;

  constructor(transport: Transport, buffer: EventBuffer, logger: Logger) {
    this.#transport = transport;
    this.#buffer = buffer;
    this.#logger = logger;
    void this.#run();
  }

  /** Stops sending. Waiting events are lost. */
  stop(): void {
    this.#stopped.abort();
    this.#buffer.end();
  }

  async #run(): Promise<void> {
    let pending: PendingEvent[] = [];
    const backoff = new Backoff(LONGEST_WAIT);
    while (!this.#stopped.signal.aborted) {
      pending.push(...this.#buffer.take(MAX_BATCH - pending.length));
      if (pending.length === 0) {
        if (this.#buffer.isClosed) return;
        await this.#buffer.arrival();
        continue;
      }
      // A cause outside the event may be fixed while the event waits; a wrong password as well.
      const { results, retry, failure } = await attempt(this.#transport, pending, (kind) => kind !== "event");
      pending = retry;
      this.#logRejected(results);
      this.#buffer.resolve(results, pending);
      this.#logOutage(failure);
      if (failure === undefined) backoff.reset();
      else await pause(backoff.wait(failure.retryAfter), this.#stopped.signal);
    }
  }

  #logRejected(results: readonly (readonly [PendingEvent, EventResult])[]): void {
    for (const [{ event }, result] of results) {
      if (result instanceof WirebellError) {
        this.#logger.error("an event was rejected and is not retried", { id: event.id, code: result.code, error: result.message });
      }
    }
  }

  // Logs once at the start of an outage and once at its end.
  #logOutage(failure: Failure | undefined): void {
    if (failure !== undefined && !this.#outage && !this.#stopped.signal.aborted) {
      const { waiting } = this.#buffer.counters();
      this.#logger.warn("cannot publish; retrying the waiting events", { code: failure.error.code, error: failure.error.message, waiting });
    } else if (failure === undefined && this.#outage) {
      this.#logger.warn("publishing again", {});
    }
    this.#outage = failure !== undefined;
  }
}
