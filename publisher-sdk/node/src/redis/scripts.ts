// The scripts in Redis: called by their digests, loaded when connections are opened and whenever somebody has flushed
// them.

import { createHash } from "node:crypto";
import { RefusedError } from "../errors.js";
import { Failure } from "../failure.js";
import { SCRIPTS, type ScriptName } from "../generated.js";
import type { Call } from "../protocol/calls.js";
import type { Connection } from "./connection.js";

const NAMES = Object.keys(SCRIPTS) as ScriptName[];
const digest = (text: string) => createHash("sha1").update(text).digest("hex");
const DIGESTS = new Map(NAMES.map((name) => [name, digest(SCRIPTS[name])]));

/** The command for a call. */
export function command(call: Call): string[] {
  return ["EVALSHA", DIGESTS.get(call.script) ?? "", String(call.keys.length), ...call.keys, ...call.arguments];
}

/**
 * Loads the scripts, and makes sure that this Redis has what they call: an older one would append to the log and then fail
 * to announce.
 */
export async function load(connection: Connection, timeout: number, mustBePrimary: boolean): Promise<Failure | undefined> {
  const asked = [["COMMAND", "INFO", "SPUBLISH"], ...(mustBePrimary ? [["ROLE"]] : [])];
  const loads = NAMES.map((name) => ["SCRIPT", "LOAD", SCRIPTS[name]]);
  const replies = await connection.run([...asked, ...loads], timeout);
  if (replies instanceof Failure) return replies;
  const [known, role] = replies;
  // Both may be hidden from this user, which says nothing.
  const failure = replies.slice(asked.length).find((reply) => reply instanceof Failure);
  if (failure !== undefined) return failure.asConfiguration();
  if (mustBePrimary && Array.isArray(role) && role[0] !== "master") {
    return Failure.unavailable("this Redis is a replica now, and nobody knows yet who took its place");
  }
  if (Array.isArray(known) && known[0] === null) {
    return Failure.configuration(new RefusedError("too_old", "Redis 7 or Valkey 7.2 is needed: this one has no sharded pub/sub"));
  }
  return undefined;
}
