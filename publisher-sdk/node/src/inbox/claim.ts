// A client event in flight.

import type { InFlight } from "../workers/in-flight.js";
import type { InboxEvent, InboxJob } from "./event.js";
import type { Handled } from "./jobs.js";
import { replyJson } from "./reply.js";

/** An {@link InboxEvent} in flight. Report the result with `done`, `passOver` or `failed`. */
export class InboxClaim {
  readonly event: InboxEvent;
  readonly #inFlight: InFlight<InboxJob, Handled>;

  /** @internal */
  constructor(inFlight: InFlight<InboxJob, Handled>) {
    this.event = inFlight.job.event;
    this.#inFlight = inFlight;
  }

  /**
   * Reports the event as handled. The reply, any JSON value, goes to the client if it waits for
   * one.
   *
   * @throws InvalidReplyError if the reply is not valid; the event stays in flight.
   * UnavailableError or another WirebellError if Redis did not get the result; the event is then
   * delivered again
   */
  async done(reply?: unknown): Promise<void> {
    await this.#inFlight.done({ reply: replyJson(reply) });
  }

  /**
   * Skips an event that this service does not handle, without a reply. @throws UnavailableError or
   * another WirebellError
   */
  passOver(): Promise<void> {
    return this.#inFlight.done("skipped");
  }

  /**
   * Reports a failed attempt with its reason. The event is retried later; after the last attempt it
   * becomes a dead letter, and its client gets the error `service_failed`.
   *
   * @throws UnavailableError or another WirebellError if Redis did not get the dead letter
   */
  failed(reason: unknown): Promise<void> {
    return this.#inFlight.failed(reason);
  }
}
