// How far one channel has been handled. Events are handed out as they come and may finish in any order; the position is behind
// the longest run of them that has finished, so that what was not finished comes again after a reload.
import { isBehind } from "./cursor.js";

/** As many as a log keeps unless it is told otherwise. */
const REMEMBERED = 1_000;
/** Handlers that never come back must not hold up the rest for ever. */
const MOST_OPEN = 1_000;

interface Open {
  cursor: string;
  ack: boolean;
  /** `again`: it failed, and has another try when it comes again. */
  state: "open" | "handled" | "failed" | "passed" | "again";
}

export class Position {
  /** Everything up to here was finished; what comes again of that is a repeat. */
  at: string | undefined;
  /** The last cursor that may be acknowledged and has not been heard of by the node. */
  unheard: string | undefined;
  #recent = new Set<string>();
  #open: Open[] = [];

  constructor(at?: string) {
    this.at = at;
  }

  /** An event has come. Undefined if it has come before. */
  take(cursor: string, ack: boolean): Open | undefined {
    const before = this.#open.find((open) => open.cursor === cursor);
    if (before?.state === "again") {
      before.state = "open";
      return before;
    }
    if (!isBehind(cursor, this.at) || this.#recent.has(cursor)) return undefined;
    this.#recent.add(cursor);
    if (this.#recent.size > REMEMBERED) this.#recent.delete(this.#recent.values().next().value!);
    const open: Open = { cursor, ack, state: "open" };
    this.#open.push(open);
    return open;
  }

  /** One is finished. Answers whether the position has moved, and what is to be acknowledged now. A watched event that failed holds the position, and so the
   *  acknowledgement of all behind it, since that is cumulative. */
  finish(open: Open, state: Open["state"]): { moved: boolean; acknowledge?: string | undefined } {
    open.state = state;
    if (this.#open.length > MOST_OPEN && this.#open[0]!.state === "open") this.#open[0]!.state = "failed";
    const before = this.at;
    let acknowledge: string | undefined;
    while (this.#open[0]) {
      const { cursor, ack, state } = this.#open[0];
      if (state === "open" || state === "again" || (state === "failed" && ack)) break;
      if (isBehind(cursor, this.at)) this.at = cursor;
      if (state === "handled" && ack) this.unheard = acknowledge = cursor;
      this.#open.shift();
    }
    return { moved: this.at !== before, acknowledge };
  }

  /** The connection is a new one: what failed is sent again, and may be tried again. */
  again(): void {
    for (const open of this.#open) if (open.state === "failed") open.state = "again";
  }

  /** The log does not reach back to the position: what it has now begins somewhere else. */
  gap(): void {
    this.at = "0-0";
    this.#open = this.#open.filter(({ state }) => state === "open");
  }
}
