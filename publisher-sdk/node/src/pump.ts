// The pump behind `enqueue`: publishes what waits in the buffer, in its order, for as long as it takes.

import type { EventBuffer } from "./buffer.js";
import { type Answer, MAX_BATCH, type PendingEvent, attempt } from "./delivery.js";
import { WirebellError } from "./errors.js";
import type { Failure } from "./failure.js";
import type { Logger } from "./logger.js";
import { Backoff, pause } from "./retry.js";
import type { Transport } from "./transport.js";

// The longest wait between two tries: so long after the bus is back, at the latest, events flow again.
const LONGEST_WAIT = 2_000;

/** Runs until it is stopped, or the buffer is closed and empty. */
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

  /** Tries nothing more: what waits is lost. */
  stop(): void {
    this.#stopped.abort();
    this.#buffer.end();
  }

  async #run(): Promise<void> {
    let hand: PendingEvent[] = [];
    const backoff = new Backoff(LONGEST_WAIT);
    while (!this.#stopped.signal.aborted) {
      hand.push(...this.#buffer.take(MAX_BATCH - hand.length));
      if (hand.length === 0) {
        if (this.#buffer.isClosed) return;
        await this.#buffer.arrival();
        continue;
      }
      // What is not the event's own fault may be mended while it waits, also a wrong password.
      const round = await attempt(this.#transport, hand, (kind) => kind !== "event");
      hand = round.kept;
      this.#reportRefused(round.settled);
      this.#buffer.resolve(round.settled, hand);
      this.#reportOutage(round.why);
      if (round.why === undefined) backoff.reset();
      else await pause(backoff.wait(round.why.retryAfter), this.#stopped.signal);
    }
  }

  #reportRefused(settled: readonly (readonly [PendingEvent, Answer])[]): void {
    for (const [{ event }, answer] of settled) {
      if (answer instanceof WirebellError) {
        this.#logger.error("an event was refused for good", { id: event.id, code: answer.code, error: answer.message });
      }
    }
  }

  // Once when it begins and once when it is over.
  #reportOutage(failure: Failure | undefined): void {
    if (failure !== undefined && !this.#outage && !this.#stopped.signal.aborted) {
      const { waiting } = this.#buffer.counters();
      this.#logger.warn("events wait and are tried again", { code: failure.error.code, error: failure.error.message, waiting });
    } else if (failure === undefined && this.#outage) {
      this.#logger.warn("events are published again", {});
    }
    this.#outage = failure !== undefined;
  }
}
