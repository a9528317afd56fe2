// A claim: an event from a client that this worker handles, until it says how that ended.

import type { InFlight } from "../workers/in-flight.js";
import type { InboxEvent, InboxJob } from "./event.js";
import type { Handled } from "./jobs.js";
import { replyJson } from "./reply.js";

/** An {@link InboxEvent} in this worker's hand. Say with `done`, `passOver` or `failed` how handling it ended. */
export class InboxClaim {
  readonly event: InboxEvent;
  readonly #hold: InFlight<InboxJob, Handled>;

  /** @internal */
  constructor(hold: InFlight<InboxJob, Handled>) {
    this.event = hold.job.event;
    this.#hold = hold;
  }

  /**
   * It is handled; the reply, anything that JSON can write, goes to its emitter, if that waits for one.
   *
   * @throws InvalidReplyError, and the event is still in hand; UnavailableError and the like where Redis could not be told:
   *   then it will be handed out once more
   */
  async done(reply?: unknown): Promise<void> {
    await this.#hold.done({ reply: replyJson(reply) });
  }

  /** It is none of this service's: its emitter hears nothing from here. @throws UnavailableError and the like */
  passOver(): Promise<void> {
    return this.#hold.done("passed over");
  }

  /**
   * It could not be handled, for this reason: it is tried again later, or becomes a dead letter if that was the last try,
   * and its emitter is told `service_failed`.
   *
   * @throws UnavailableError and the like, where Redis could not be told
   */
  failed(reason: unknown): Promise<void> {
    return this.#hold.failed(reason);
  }
}
