// Failures: why one try of one event came to nothing, and what that says about the next try.

import { RefusedError, TimedOutError, UnavailableError, type WirebellError } from "./errors.js";

/**
 * Whose fault it is, which decides whether to try again. `event`: it can never be published, and those behind it can.
 * `door`: this publisher's, as with a wrong password; no event gets through until a person changes something. `moment`.
 */
export type FailureKind = "event" | "configuration" | "transient";

const RETRYABILITY: Record<FailureKind, number> = { event: 0, configuration: 1, transient: 2 };

/** One try that failed. It is a value, and is never seen outside of this package. */
export class Failure {
  readonly error: WirebellError;
  readonly kind: FailureKind;
  /** The connections are of no use any more: their server is gone, or no longer the right one. */
  readonly reconnect: boolean;
  /** After how many milliseconds the bus wants to be asked again, if it said so. */
  readonly retryAfter: number | undefined;

  private constructor(error: WirebellError, kind: FailureKind, reconnect = false, retryAfter?: number) {
    this.error = error;
    this.kind = kind;
    this.reconnect = reconnect;
    this.retryAfter = retryAfter;
  }

  /** The event was refused for good. */
  static event(error: WirebellError): Failure {
    return new Failure(error, "event");
  }

  /** The publisher was refused. */
  static configuration(error: RefusedError): Failure {
    return new Failure(error, "configuration");
  }

  /** The bus cannot be reached, or takes nothing just now. */
  static unavailable(reason: string, retryAfter?: number): Failure {
    return new Failure(new UnavailableError(reason), "transient", false, retryAfter);
  }

  /** It was not even sent: the caller's time was over before. Why that was, earlier tries have said. */
  static overdue(): Failure {
    return Failure.timedOut(0);
  }

  /** The bus did not answer. */
  static timedOut(retryAfter: number): Failure {
    return new Failure(new TimedOutError(retryAfter), "transient");
  }

  /** The bus answered something else than it does. */
  static unexpected(detail: string, status?: number): Failure {
    return Failure.event(new RefusedError("bad_reply", detail, status));
  }

  /** The same, and the connections are of no use any more. */
  withReconnect(): Failure {
    return new Failure(this.error, this.kind, true, this.retryAfter);
  }

  /** The same, said before there was an event: whatever is not the moment's fault is this publisher's. */
  asConfiguration(): Failure {
    return this.kind === "event" ? new Failure(this.error, "configuration", this.reconnect, this.retryAfter) : this;
  }

  /** Was it not even sent? */
  get isOverdue(): boolean {
    return this.error instanceof TimedOutError && this.error.after === 0;
  }

  /** Does it stop the events behind this one, too? */
  get stopsBatch(): boolean {
    return this.kind !== "event";
  }

  /** Is another try worth more than after the other one? */
  isMoreRetryableThan(other: Failure): boolean {
    return RETRYABILITY[this.kind] > RETRYABILITY[other.kind];
  }

  /** Does Redis say so in this failure? */
  hasCode(code: string): boolean {
    return this.error instanceof RefusedError && this.error.code === code;
  }
}
