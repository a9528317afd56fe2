// What an error that Redis answered with says about the next try.

import { RefusedError } from "../errors.js";
import { Failure } from "../failure.js";

// Said before anything was written, and true only for now.
const PASSING = new Set([
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

// Said of this connection, which has to be replaced: its server has become a replica, has given a slot away, is cut off
// from its Cluster, or wants a password now. Not so where a slot is on its way (`ASK`, `TRYAGAIN`): the script's keys are
// in two places then, and until they are in one again nobody can run it.
const ELSEWHERE = new Set(["CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"]);

/** Judges an error by its first word, which is its code. */
export function judge(message: string): Failure {
  const code = /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] ?? "ERR";
  const failure = kind(code, message);
  return ELSEWHERE.has(code) ? failure.withReconnect() : failure;
}

function kind(code: string, message: string): Failure {
  const words = `Redis answered ${message}`;
  if (PASSING.has(code)) return Failure.unavailable(words);
  const error = new RefusedError(code, words);
  // A missing permission for a command concerns every event, one for a key only those of that channel.
  if (code === "NOAUTH" || code === "WRONGPASS" || (code === "NOPERM" && message.includes("command"))) return Failure.configuration(error);
  // It may come from within the script, after the event was appended: trying again could append it twice.
  return Failure.event(error);
}
