// The errors of this package. Every error has a `code` for programs: the protocol's code where the
// protocol defines one. No message contains a payload, a password or a key.

/** The base class of all errors of this package. */
export class WirebellError extends Error {
  /** A stable name of the error, for programs. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * The event is invalid. Publishing it again does not help. `code` is `invalid_event` or
 * `too_large`.
 */
export class InvalidEventError extends WirebellError {
  /** The invalid attribute; `event` if the error is not in one attribute. */
  readonly attribute: string;

  constructor(attribute: string, message: string, code = "invalid_event") {
    super(code, `\`${attribute}\`: ${message}`);
    this.attribute = attribute;
  }
}

/**
 * The bus cannot be reached, or accepts nothing at the moment, until the timeout elapsed. If the
 * connection broke after the event was sent, the bus may have it: publish it again with the same
 * id. `code` is `unavailable`.
 */
export class UnavailableError extends WirebellError {
  constructor(reason: string) {
    super("unavailable", `the bus is unavailable: ${reason}`);
  }
}

/**
 * The bus did not reply in time. It may have the event: publish it again with the same id. `code`
 * is `timed_out`.
 */
export class TimedOutError extends WirebellError {
  /** How long the request waited, in milliseconds. */
  readonly after: number;

  constructor(after: number) {
    super("timed_out", `the bus did not reply within ${after} ms`);
    this.after = after;
  }
}

/**
 * The bus rejected the request: a wrong password, an unknown API key, a missing permission. `code`
 * is that of the problem document, such as `unauthorized`, or Redis' own, such as `WRONGPASS`.
 */
export class RefusedError extends WirebellError {
  /** The HTTP status; undefined over Redis. */
  readonly status: number | undefined;

  constructor(code: string, detail: string, status?: number) {
    super(code, `the bus rejected the request: ${detail} (${code})`);
    this.status = status;
  }
}

/**
 * The reply of a handler cannot be sent to the client. `code` is `invalid_reply` or `too_large`.
 */
export class InvalidReplyError extends WirebellError {
  constructor(message: string, code = "invalid_reply") {
    super(code, `invalid reply: ${message}`);
  }
}

/**
 * The URL or an option is invalid. `code` is `bad_url` or `bad_option`. The message omits the URL,
 * which may contain a password.
 */
export class ConfigurationError extends WirebellError {}

/** The publisher is closed. `code` is `closed`. */
export class ClosedError extends WirebellError {
  constructor() {
    super("closed", "the publisher is closed");
  }
}

/** Why there is no acknowledgement. */
export type NotAcknowledgedCode = "not_in_time" | "fallen_back" | "expired" | "cancelled" | "not_watched" | "unknown" | "bus";

const NOT_ACKNOWLEDGED: Record<NotAcknowledgedCode, string> = {
  not_in_time: "no device has acknowledged the event within the timeout; a later acknowledgement is still possible",
  fallen_back: "no device acknowledged the event by its deadline; it was added to the fallback stream",
  expired: "the event expired without an acknowledgement",
  cancelled: "the event was cancelled before its `deliverAt`",
  not_watched: "the event is not tracked; publish it as a durable event with `receipt: true` or a `deadline`",
  unknown: "the bus has no delivery record of the event",
  bus: "the event was published, but its delivery status cannot be read; see `cause`",
};

/**
 * No device has acknowledged the event. `code` says why; for `bus`, `cause` is the error of the
 * bus.
 */
export class NotAcknowledgedError extends WirebellError {
  declare readonly code: NotAcknowledgedCode;

  constructor(code: NotAcknowledgedCode, cause?: unknown) {
    super(code, NOT_ACKNOWLEDGED[code], cause === undefined ? undefined : { cause });
  }
}
