// A job in a worker's hand, until it is said once how it ended.

import { Failure } from "../failure.js";
import { retryUntil } from "../retry.js";
import type { LeaseQueue, LeasedEntry } from "./lease-queue.js";
import type { Afterwards, Job } from "./job.js";

// For how long it is tried to tell Redis something.
const TELLING = 5_000;

/** One job that is handed out. What is said after the first word about its end is not heard. */
export class InFlight<J extends Job, Result> {
  readonly job: J;
  readonly #desk: LeaseQueue<J, Result>;
  readonly #held: LeasedEntry<J>;
  #ended = false;

  constructor(desk: LeaseQueue<J, Result>, held: LeasedEntry<J>) {
    this.job = held.job;
    this.#desk = desk;
    this.#held = held;
  }

  /** It is done with. @throws UnavailableError and the like: then it will be handed out once more */
  async done(result: Result): Promise<void> {
    const { entry, job } = this.#held;
    await this.#end(async () => {
      const afterwards = await tell(() => this.#desk.kind.done(entry, job, result));
      this.#desk.counters.done += 1;
      return afterwards;
    });
  }

  /** It failed: it is tried again later, or becomes a dead letter. @throws UnavailableError and the like */
  async failed(reason: unknown): Promise<void> {
    await this.#end(async () => {
      const { entry, job } = this.#held;
      const { counters, kind, logger, settings } = this.#desk;
      const said = { id: job.id, tries: job.tries, reason: words(reason) };
      counters.failed += 1;
      if (job.tries < settings.tries) {
        if (kind.words.failed !== undefined) logger.warn(kind.words.failed, said);
        this.#desk.later(entry);
        return undefined;
      }
      logger.error("an event has become a dead letter", said);
      const afterwards = await tell(() => kind.bury(entry, job, said.reason));
      counters.dead += 1;
      return afterwards;
    });
  }

  async #end(how: () => Promise<Afterwards>): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      const afterwards = await how();
      await afterwards?.();
    } finally {
      this.#desk.letGo(this.#held);
    }
  }
}

function tell(how: () => Promise<Failure | Afterwards>): Promise<Afterwards> {
  return retryUntil<Afterwards>(TELLING, how);
}

/** What is told of whatever was thrown. */
export function words(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
