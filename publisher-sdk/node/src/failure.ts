// A failed attempt to reach the bus, and whether a retry makes sense.

import { RefusedError, TimedOutError, UnavailableError, type WirebellError } from "./errors.js";

/**
 * The cause of a failure; it decides about the retry. `event`: this event can never be published,
 * but later ones can. `configuration`: the bus rejects this publisher, for example for a wrong
 * password; no event passes until a person changes the configuration. `transient`: a retry may
 * succeed.
 */
export type FailureKind = "event" | "configuration" | "transient";

const RETRYABILITY: Record<FailureKind, number> = { event: 0, configuration: 1, transient: 2 };

/** A failed attempt. It is a value inside this package and never thrown to callers. */
export class Failure {
  readonly error: WirebellError;
  readonly kind: FailureKind;
  /** The connections are unusable: their server is gone, or no longer the right one. */
  readonly reconnect: boolean;
  /** The delay in milliseconds that the bus asked for, if it did. */
  readonly retryAfter: number | undefined;

  private constructor(error: WirebellError, kind: FailureKind, reconnect = false, retryAfter?: number) {
    this.error = error;
    this.kind = kind;
    this.reconnect = reconnect;
    this.retryAfter = retryAfter;
  }

  /** The bus rejected the event. It is not retried. */
  static event(error: WirebellError): Failure {
    return new Failure(error, "event");
  }

  /** The bus rejected the publisher. */
  static configuration(error: RefusedError): Failure {
    return new Failure(error, "configuration");
  }

  /** The bus cannot be reached, or accepts nothing at the moment. */
  static unavailable(reason: string, retryAfter?: number): Failure {
    return new Failure(new UnavailableError(reason), "transient", false, retryAfter);
  }

  /** The event was not sent: the caller's timeout had elapsed. Earlier attempts say why. */
  static overdue(): Failure {
    return Failure.timedOut(0);
  }

  /** The bus did not reply within `timeout` milliseconds. */
  static timedOut(timeout: number): Failure {
    return new Failure(new TimedOutError(timeout), "transient");
  }

  /** The bus sent a reply that the protocol does not define. */
  static unexpected(detail: string, status?: number): Failure {
    return Failure.event(new RefusedError("bad_reply", detail, status));
  }

  /** Returns the same failure, marked to replace the connections. */
  withReconnect(): Failure {
    return new Failure(this.error, this.kind, true, this.retryAfter);
  }

  /**
   * Returns the same failure for a step without an event, such as connecting. A cause that is not
   * transient is then the configuration.
   */
  asConfiguration(): Failure {
    return this.kind === "event" ? new Failure(this.error, "configuration", this.reconnect, this.retryAfter) : this;
  }

  /** Whether the event was not sent because the timeout had elapsed. */
  get isOverdue(): boolean {
    return this.error instanceof TimedOutError && this.error.after === 0;
  }

  /** Whether later events of the batch must not be sent. */
  get stopsBatch(): boolean {
    return this.kind !== "event";
  }

  /** Whether a retry is more likely to succeed than after the other failure. */
  isMoreRetryableThan(other: Failure): boolean {
    return RETRYABILITY[this.kind] > RETRYABILITY[other.kind];
  }

  /** Whether Redis replied with this error code. */
  hasCode(code: string): boolean {
    return this.error instanceof RefusedError && this.error.code === code;
  }
}
