// Failures: why one try of one event came to nothing, and what that says about the next try.

import { RefusedError, TimedOutError, UnavailableError, type WirebellError } from "./errors.js";

/**
 * Whose fault it is, which decides whether to try again. `event`: it can never be published, and those behind it can.
 * `door`: this publisher's, as with a wrong password; no event gets through until a person changes something. `moment`.
 */
export type Verdict = "event" | "door" | "moment";

const WORTH: Record<Verdict, number> = { event: 0, door: 1, moment: 2 };

/** One try that failed. It is a value, and is never seen outside of this package. */
export class Failure {
  readonly error: WirebellError;
  readonly verdict: Verdict;
  /** The connections are of no use any more: their server is gone, or no longer the right one. */
  readonly elsewhere: boolean;
  /** After how many milliseconds the bus wants to be asked again, if it said so. */
  readonly after: number | undefined;

  private constructor(error: WirebellError, verdict: Verdict, elsewhere = false, after?: number) {
    this.error = error;
    this.verdict = verdict;
    this.elsewhere = elsewhere;
    this.after = after;
  }

  /** The event was refused for good. */
  static event(error: WirebellError): Failure {
    return new Failure(error, "event");
  }

  /** The publisher was refused. */
  static door(error: RefusedError): Failure {
    return new Failure(error, "door");
  }

  /** The bus cannot be reached, or takes nothing just now. */
  static unavailable(reason: string, after?: number): Failure {
    return new Failure(new UnavailableError(reason), "moment", false, after);
  }

  /** It was not even sent: the caller's time was over before. Why that was, earlier tries have said. */
  static overdue(): Failure {
    return Failure.timedOut(0);
  }

  /** The bus did not answer. */
  static timedOut(after: number): Failure {
    return new Failure(new TimedOutError(after), "moment");
  }

  /** The bus answered something else than it does. */
  static strange(detail: string, status?: number): Failure {
    return Failure.event(new RefusedError("bad_reply", detail, status));
  }

  /** The same, and the connections are of no use any more. */
  gone(): Failure {
    return new Failure(this.error, this.verdict, true, this.after);
  }

  /** The same, said before there was an event: whatever is not the moment's fault is this publisher's. */
  atTheDoor(): Failure {
    return this.verdict === "event" ? new Failure(this.error, "door", this.elsewhere, this.after) : this;
  }

  /** Was it not even sent? */
  get isOverdue(): boolean {
    return this.error instanceof TimedOutError && this.error.after === 0;
  }

  /** Does it stop the events behind this one, too? */
  get stops(): boolean {
    return this.verdict !== "event";
  }

  /** Is another try worth more than after the other one? */
  isWorthMoreThan(other: Failure): boolean {
    return WORTH[this.verdict] > WORTH[other.verdict];
  }

  /** Does Redis say so in this failure? */
  hasCode(code: string): boolean {
    return this.error instanceof RefusedError && this.error.code === code;
  }
}
