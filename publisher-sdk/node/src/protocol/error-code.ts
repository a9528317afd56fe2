// Error codes: one stable code for each reason of a rejection, the same over HTTP and in this SDK's
// errors.

/** All error codes of the protocol, in its order. */
export const ERROR_CODES = [
  "bad_frame",
  "binary_frame",
  "reserved_type",
  "frame_too_large",
  "bad_channel",
  "bad_cursor",
  "not_allowed",
  "too_many_subscriptions",
  "token_missing",
  "token_malformed",
  "token_algorithm",
  "token_signature",
  "token_expired",
  "token_not_yet_valid",
  "token_claims",
  "user_mismatch",
  "auth_timeout",
  "invalid_event",
  "too_large",
  "unsupported",
  "unavailable",
  "draining",
  "too_many",
  "too_many_faults",
  "bad_request",
  "unauthorized",
  "not_found",
  "method_not_allowed",
  "already_published",
  "internal",
  "rate_limited",
  "data_too_large",
  "no_service",
  "no_reply",
  "service_failed",
  "too_many_sessions",
  "replaced",
  "disconnected",
  "token_revoked",
] as const;

/** An error code of the protocol. */
export type ErrorCode = (typeof ERROR_CODES)[number];
