// Made by protocol/typescript/generate.mjs from protocol/asyncapi.json. Change that, and make this again.

/** What a service has published. */
export interface EventFrame<Data = unknown> {
  /** What has happened. */
  type: string;
  /** Its identity, given by the publisher or made for it. */
  id: string;
  /** An address: `user:42`, `topic:news`, `conn:k3j9x2ma.1f` or `all`. */
  channel: string;
  /** Of a durable event: its place in the channel's log. */
  cursor?: string;
  /** When it happened, in RFC 3339. */
  time: string;
  /** Which service says so. */
  source?: string;
  /** Of a retained event: what it is the newest value of. */
  key?: string;
  /** Any JSON, as it was published. */
  data: Data;
  /** Its publisher waits for `wirebell.ack`. */
  ack?: true;
  /** W3C Trace Context, version 00. */
  traceparent?: string;
}

/** The session has begun: nothing that is announced from now on is missed. */
export interface WelcomeFrame {
  type: "wirebell.welcome";
  /** The id to be used in `conn:<id>`. */
  connection: string;
  /** The token's `sub`. */
  user: string;
  /** The token's `device`. */
  device?: string;
  /** Seconds between the node's pings. */
  heartbeat: number;
  /** Seconds since 1970. */
  expires: number;
  /** Everything behind the cursor that the client brought comes. */
  recovered: boolean;
  /** Where the client is on its user's channel: what it names if it comes back before an event. */
  cursor: string;
}

/** The answer to a frame that had a `ref`: the node's, or a service's. */
export interface ReplyFrame<Data = unknown> {
  type: "wirebell.reply";
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
  /** The answer. */
  data: Data;
}

/** For programs. */
export type ErrorCode =
  | "bad_frame"
  | "binary_frame"
  | "reserved_type"
  | "frame_too_large"
  | "bad_channel"
  | "bad_cursor"
  | "not_allowed"
  | "too_many_subscriptions"
  | "token_missing"
  | "token_malformed"
  | "token_algorithm"
  | "token_signature"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_claims"
  | "user_mismatch"
  | "auth_timeout"
  | "invalid_event"
  | "too_large"
  | "unsupported"
  | "unavailable"
  | "draining"
  | "too_many"
  | "too_many_faults"
  | "bad_request"
  | "unauthorized"
  | "not_found"
  | "method_not_allowed"
  | "already_published"
  | "internal"
  | "rate_limited"
  | "data_too_large"
  | "no_service"
  | "no_reply"
  | "service_failed"
  | "too_many_sessions"
  | "replaced"
  | "disconnected"
  | "token_revoked";

/** Something was refused. The connection stays, unless it is closed right after. */
export interface ErrorFrame {
  type: "wirebell.error";
  /** For programs. */
  code: ErrorCode;
  /** For people. */
  message: string;
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** Events of this channel are missing, and the log cannot bring them back. */
export interface GapFrame {
  type: "wirebell.gap";
  /** An address: `user:42`, `topic:news`, `conn:k3j9x2ma.1f` or `all`. */
  channel: string;
}

/** The token expires soon: time for another one in `wirebell.auth`. */
export interface ExpiringFrame {
  type: "wirebell.expiring";
  /** Seconds since 1970. */
  expires: number;
}

/** Come back after so many seconds; the connection is closed soon after. */
export interface ReconnectFrame {
  type: "wirebell.reconnect";
  after: number;
  reason: "drain" | "unavailable";
}

/** The answer to `wirebell.ping`. */
export interface PongFrame {
  type: "wirebell.pong";
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** The last frame where there are no close codes: over Server-Sent Events and Socket.IO. */
export interface CloseFrame {
  type: "wirebell.close";
  /** What a WebSocket would be closed with. */
  code: number;
  /** For people. */
  reason: string;
}

/** The first token, or a new one for the same user. */
export interface AuthFrame {
  type: "wirebell.auth";
  /** A JWT. */
  token: string;
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** Listen for a topic; with a cursor, from there on. */
export interface SubscribeFrame {
  type: "wirebell.subscribe";
  /** An address: `user:42`, `topic:news`, `conn:k3j9x2ma.1f` or `all`. */
  channel: string;
  /** The last one that the client has of this channel. */
  cursor?: string | null;
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** Listen no longer. */
export interface UnsubscribeFrame {
  type: "wirebell.unsubscribe";
  /** An address: `user:42`, `topic:news`, `conn:k3j9x2ma.1f` or `all`. */
  channel: string;
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** Send what was missed behind these cursors. */
export interface ResumeFrame {
  type: "wirebell.resume";
  /** By channel. */
  cursors: Record<string, string>;
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** Everything on the channel up to the cursor was handled. */
export interface AckFrame {
  type: "wirebell.ack";
  /** An address: `user:42`, `topic:news`, `conn:k3j9x2ma.1f` or `all`. */
  channel: string;
  /** A position in a log. */
  cursor: string;
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** Asks for a `wirebell.pong`. */
export interface PingFrame {
  type: "wirebell.ping";
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
}

/** An event from a client to the services. With a `ref` it is answered, by `wirebell.reply` or `wirebell.error`. */
export interface EmitFrame<Data = unknown> {
  /** What has happened, or is wanted. */
  type: string;
  /** Any JSON; `null` if it is absent. */
  data?: Data;
  /** Identity and idempotency key among the user's events. */
  id?: string | null;
  /** Repeated in the answer; up to 64 bytes. */
  ref?: string;
  /** W3C Trace Context, version 00. */
  traceparent?: string | null;
}

/** An event has its own `id` and `source` (`wirebell` where its publisher named none). What a node says of its own accord has a type that begins with `wirebell.`, the source `wirebell`, and as data the members of the frame it stands for. */
export interface ToldCloudEvent<Data = unknown> {
  specversion: "1.0";
  id: string;
  source: string;
  type: string;
  time?: string;
  datacontenttype: "application/json";
  /** Any JSON. */
  data: Data;
  /** W3C Trace Context, version 00. */
  traceparent?: string;
  /** An address: `user:42`, `topic:news`, `conn:k3j9x2ma.1f` or `all`. */
  wirebellchannel?: string;
  /** A position in a log. */
  wirebellcursor?: string;
  wirebellkey?: string;
  wirebellack?: true;
  /** Repeated in the answer; up to 64 bytes. */
  wirebellref?: string;
}

/** A type that begins with `wirebell.` is a command, whose members are the data; any other is an event for the services. */
export interface SaidCloudEvent<Data = unknown> {
  specversion: "1.0";
  id: string;
  source: string;
  type: string;
  /** Any JSON; of a command, an object. */
  data?: Data;
  /** W3C Trace Context, version 00. */
  traceparent?: string;
  /** Repeated in the answer; up to 64 bytes. */
  wirebellref?: string;
}

/** What a node says. Over a WebSocket `wirebell.close` is a close code and not a frame. */
export type ServerFrame = EventFrame | WelcomeFrame | ReplyFrame | ErrorFrame | GapFrame | ExpiringFrame | ReconnectFrame | PongFrame | CloseFrame;

/** What a client says. */
export type ClientFrame = AuthFrame | SubscribeFrame | UnsubscribeFrame | ResumeFrame | AckFrame | PingFrame | EmitFrame;
