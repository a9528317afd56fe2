// The position in one channel: how far its events are handled. Handlers may finish in any order.
// The position follows the longest finished run from the start, so that unfinished events are
// received again after a reload.
import { isAfter } from "./cursor.js";

/** Remembered cursors: the default length of a log. */
const REMEMBERED = 1_000;
/** Most unfinished events: handlers that never return must not hold up the rest. */
const MAX_PENDING = 1_000;

interface PendingEvent {
  cursor: string;
  ack: boolean;
  /** `retry`: it failed, and is handled again when it is received again. */
  state: "pending" | "handled" | "failed" | "skipped" | "retry";
}

/** The position in a channel. */
export class Position {
  /** The cursor up to which every event is finished; those events are repeats. */
  at: string | undefined;
  /** The last acknowledged cursor that the node has not confirmed. */
  unconfirmed: string | undefined;
  #recent = new Set<string>();
  #pending: PendingEvent[] = [];

  constructor(at?: string) {
    this.at = at;
  }

  /** Adds a received event. Returns undefined for a repeat. */
  add(cursor: string, ack: boolean): PendingEvent | undefined {
    const before = this.#pending.find((event) => event.cursor === cursor);
    if (before?.state === "retry") {
      before.state = "pending";
      return before;
    }
    if (!isAfter(cursor, this.at) || this.#recent.has(cursor)) return undefined;
    this.#recent.add(cursor);
    if (this.#recent.size > REMEMBERED) this.#recent.delete(this.#recent.values().next().value!);
    const event: PendingEvent = { cursor, ack, state: "pending" };
    this.#pending.push(event);
    return event;
  }

  /**
   * Finishes an event. Returns whether the position has moved, and the cursor to acknowledge now. A
   * failed event that requests an acknowledgement stops the position, and so the acknowledgement of
   * later events: acknowledgements are cumulative.
   */
  finish(event: PendingEvent, state: PendingEvent["state"]): { moved: boolean; acknowledge?: string | undefined } {
    event.state = state;
    if (this.#pending.length > MAX_PENDING && this.#pending[0]!.state === "pending") this.#pending[0]!.state = "failed";
    const before = this.at;
    let acknowledge: string | undefined;
    while (this.#pending[0]) {
      const { cursor, ack, state } = this.#pending[0];
      if (state === "pending" || state === "retry" || (state === "failed" && ack)) break;
      if (isAfter(cursor, this.at)) this.at = cursor;
      if (state === "handled" && ack) this.unconfirmed = acknowledge = cursor;
      this.#pending.shift();
    }
    return { moved: this.at !== before, acknowledge };
  }

  /** Allows a retry of failed events: a new connection sends them again. */
  reconnected(): void {
    for (const event of this.#pending) if (event.state === "failed") event.state = "retry";
  }

  /** Restarts at the beginning of the log, after the log has dropped events after the position. */
  gap(): void {
    this.at = "0-0";
    this.#pending = this.#pending.filter(({ state }) => state === "pending");
  }
}
