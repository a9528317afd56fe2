// A job that a worker has handed out, until its result is reported once.

import type { Failure } from "../failure.js";
import type { Logger } from "../logger.js";
import type { Entry } from "../redis/streams.js";
import { retryUntil } from "../retry.js";
import type { WorkerCounters } from "./counters.js";
import type { FollowUp, Job, JobKind } from "./job.js";

// How long reporting a result to Redis is retried, in milliseconds.
const REPORT_TIMEOUT = 5_000;

/** A leased entry and its job. */
export interface LeasedEntry<J> {
  readonly entry: Entry;
  readonly job: J;
}

/** What a job in flight needs of the queue that handed it out. */
export interface JobQueue<J extends Job, Result> {
  readonly kind: JobKind<J, Result>;
  readonly settings: { readonly tries: number };
  readonly logger: Logger;
  readonly counters: WorkerCounters;
  /** Schedules a retry of the entry. */
  scheduleRetry(entry: Entry): void;
  /** Removes the entry from those handed out. */
  release(leased: LeasedEntry<J>): void;
}

/** A job in flight. The first call of `done` or `failed` counts; later calls do nothing. */
export class InFlight<J extends Job, Result> {
  readonly job: J;
  readonly #queue: JobQueue<J, Result>;
  readonly #leased: LeasedEntry<J>;
  #ended = false;

  constructor(queue: JobQueue<J, Result>, leased: LeasedEntry<J>) {
    this.job = leased.job;
    this.#queue = queue;
    this.#leased = leased;
  }

  /**
   * Finishes the job. @throws WirebellError if Redis did not get the result; the job is then
   * delivered again
   */
  async done(result: Result): Promise<void> {
    const { entry, job } = this.#leased;
    await this.#end(async () => {
      const followUp = await report(() => this.#queue.kind.done(entry, job, result));
      this.#queue.counters.done += 1;
      return followUp;
    });
  }

  /**
   * Reports a failed attempt. The job is retried later; after the last attempt it becomes a dead
   * letter.
   *
   * @throws WirebellError if Redis did not get the dead letter
   */
  async failed(reason: unknown): Promise<void> {
    await this.#end(async () => {
      const { entry, job } = this.#leased;
      const { counters, kind, logger, settings } = this.#queue;
      const fields = { id: job.id, tries: job.tries, reason: messageOf(reason) };
      counters.failed += 1;
      if (job.tries < settings.tries) {
        if (kind.messages.failed !== undefined) logger.warn(kind.messages.failed, fields);
        this.#queue.scheduleRetry(entry);
        return undefined;
      }
      logger.error("an event became a dead letter after its last attempt", fields);
      const followUp = await report(() => kind.deadLetter(entry, job, fields.reason));
      counters.dead += 1;
      return followUp;
    });
  }

  async #end(how: () => Promise<FollowUp>): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      const followUp = await how();
      await followUp?.();
    } finally {
      this.#queue.release(this.#leased);
    }
  }
}

function report(how: () => Promise<Failure | FollowUp>): Promise<FollowUp> {
  return retryUntil<FollowUp>(REPORT_TIMEOUT, how);
}

/** Returns the message of a thrown value. */
export function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
