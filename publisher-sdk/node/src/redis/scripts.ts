// The Lua scripts in Redis: called by their SHA-1, and loaded when a connection opens or after they
// were flushed.

import { createHash } from "node:crypto";
import { RefusedError } from "../errors.js";
import { Failure } from "../failure.js";
import { SCRIPTS, type ScriptName } from "../generated.js";
import type { Call } from "../protocol/calls.js";
import type { Connection } from "./connection.js";

const NAMES = Object.keys(SCRIPTS) as ScriptName[];
const digest = (text: string) => createHash("sha1").update(text).digest("hex");
const DIGESTS = new Map(NAMES.map((name) => [name, digest(SCRIPTS[name])]));

/** Returns the command for a script call. */
export function evalCommand(call: Call): string[] {
  return ["EVALSHA", DIGESTS.get(call.script) ?? "", String(call.keys.length), ...call.keys, ...call.arguments];
}

/**
 * Loads the scripts, and checks that this server supports their commands: an older server would
 * append to the log and then fail to announce.
 */
export async function loadScripts(connection: Connection, timeout: number, mustBePrimary: boolean): Promise<Failure | undefined> {
  const checks = [["COMMAND", "INFO", "SPUBLISH"], ...(mustBePrimary ? [["ROLE"]] : [])];
  const loads = NAMES.map((name) => ["SCRIPT", "LOAD", SCRIPTS[name]]);
  const replies = await connection.run([...checks, ...loads], timeout);
  if (replies instanceof Failure) return replies;
  const [known, role] = replies;
  // The user may lack the permission for both checks; then they say nothing.
  const failure = replies.slice(checks.length).find((reply) => reply instanceof Failure);
  if (failure !== undefined) return failure.asConfiguration();
  if (mustBePrimary && Array.isArray(role) && role[0] !== "master") {
    return Failure.unavailable("this Redis server is a replica now, and the new primary is not known yet");
  }
  if (Array.isArray(known) && known[0] === null) {
    return Failure.configuration(new RefusedError("too_old", "this server has no sharded pub/sub; use Redis 7, Valkey 7.2 or later"));
  }
  return undefined;
}
