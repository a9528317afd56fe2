// Maps an error reply of Redis to a failure: whether to retry, and whether to reconnect.

import { RefusedError } from "../errors.js";
import { Failure } from "../failure.js";

// Transient errors that Redis returns before it writes anything.
const TRANSIENT = new Set([
  "ASK",
  "BUSY",
  "CLUSTERDOWN",
  "LOADING",
  "MASTERDOWN",
  "MISCONF",
  "MOVED",
  "NOREPLICAS",
  "NOSCRIPT",
  "OOM",
  "READONLY",
  "TRYAGAIN",
  "UNKILLABLE",
]);

// Errors after which the connection must be replaced: its server became a replica, gave a slot
// away, is cut off from its Cluster, or now requires a password. `ASK` and `TRYAGAIN` are not among
// them: while a slot migrates, the keys of a script are in two places, and no server can run it
// until the migration ends.
const RECONNECT = new Set(["CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"]);

/** Returns the failure for an error reply, by its first word, which is its code. */
export function failureOf(message: string): Failure {
  const code = /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] ?? "ERR";
  const failure = withoutReconnect(code, message);
  return RECONNECT.has(code) ? failure.withReconnect() : failure;
}

function withoutReconnect(code: string, message: string): Failure {
  const detail = `Redis replied ${message}`;
  if (TRANSIENT.has(code)) return Failure.unavailable(detail);
  const error = new RefusedError(code, detail);
  // A missing permission for a command concerns every event; one for a key concerns only its
  // channel.
  if (code === "NOAUTH" || code === "WRONGPASS" || (code === "NOPERM" && message.includes("command"))) return Failure.configuration(error);
  // The script may have failed after it appended the event: a retry could append it twice.
  return Failure.event(error);
}
