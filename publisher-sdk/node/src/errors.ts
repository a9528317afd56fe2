// What can go wrong, in words for whoever has to act on it. Every error has a `code` for programs: that of the protocol
// where it has one. No message here holds a payload, a password or a key.

/** What every error of this package is. */
export class WirebellError extends Error {
  /** A stable word for programs. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The event itself is wrong: publishing it again cannot help. `code` is `invalid_event` or `too_large`. */
export class InvalidEventError extends WirebellError {
  /** The attribute that is wrong; `event` where it is none of them. */
  readonly attribute: string;

  constructor(attribute: string, message: string, code = "invalid_event") {
    super(code, `\`${attribute}\`: ${message}`);
    this.attribute = attribute;
  }
}

/**
 * The bus could not be reached, or does not take events just now, for as long as the timeout allows. Where the connection
 * broke after the event had left, the bus may have it: publish it again under the same id. `code` is `unavailable`.
 */
export class UnavailableError extends WirebellError {
  constructor(reason: string) {
    super("unavailable", `the bus is unavailable: ${reason}`);
  }
}

/**
 * The bus was reached and did not answer in time. It may have the event: publish it again under the same id. `code` is
 * `timed_out`.
 */
export class TimedOutError extends WirebellError {
  /** How long was waited, in milliseconds. */
  readonly after: number;

  constructor(after: number) {
    super("timed_out", `the bus did not answer within ${after} ms`);
    this.after = after;
  }
}

/**
 * The bus answered, and said no: a wrong password, an unknown service key, a missing permission. `code` is that of the
 * problem document, such as `unauthorized`, or Redis' own, such as `WRONGPASS`.
 */
export class RefusedError extends WirebellError {
  /** The HTTP status; none from Redis. */
  readonly status: number | undefined;

  constructor(code: string, detail: string, status?: number) {
    super(code, `the bus refused: ${detail} (${code})`);
    this.status = status;
  }
}

/** What a handler answers cannot be sent to the emitter. `code` is `invalid_reply` or `too_large`. */
export class InvalidReplyError extends WirebellError {
  constructor(message: string, code = "invalid_reply") {
    super(code, `the reply: ${message}`);
  }
}

/** A URL or an option is wrong. `code` is `bad_url` or `bad_option`; the URL is not shown, since it may hold a password. */
export class ConfigurationError extends WirebellError {}

/** It was closed before. `code` is `closed`. */
export class ClosedError extends WirebellError {
  constructor() {
    super("closed", "it was closed before");
  }
}

/** Why there is no acknowledgement. */
export type NotAcknowledgedCode = "not_in_time" | "fallen_back" | "expired" | "cancelled" | "not_watched" | "unknown" | "bus";

const NOT_ACKNOWLEDGED: Record<NotAcknowledgedCode, string> = {
  not_in_time: "no device has acknowledged the event in time; one still may",
  fallen_back: "no device has acknowledged the event by its deadline: it has fallen back",
  expired: "the event has expired without an acknowledgement",
  cancelled: "the event was cancelled before its time came",
  not_watched: "the event is not watched: publish it as a durable one, with `receipt: true` or a `deadline`",
  unknown: "the bus has no record of the event",
  bus: "nobody can tell whether the event was acknowledged, and the bus has it",
};

/** No device has acknowledged the event; `code` says why, and for `bus` the `cause` is the error that was met. */
export class NotAcknowledgedError extends WirebellError {
  declare readonly code: NotAcknowledgedCode;

  constructor(code: NotAcknowledgedCode, cause?: unknown) {
    super(code, NOT_ACKNOWLEDGED[code], cause === undefined ? undefined : { cause });
  }
}
