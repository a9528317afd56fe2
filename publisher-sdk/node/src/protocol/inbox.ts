// The inbox as services see it: what an entry says, how to be done with one, and what its emitter is told.

import type { Call } from "./calls.js";
import { isConnectionId } from "./connection.js";
import type { ErrorCode } from "./error-code.js";
import type { Keys } from "./keys.js";

/** The longest reply, in bytes of JSON. */
export const MAX_REPLY_BYTES = 1_048_576;

// Most dead letters that a shard keeps.
const MOST_DEAD = "1000000";
const NUMBER = /^\d+$/;

/** What an entry of the inbox says. */
export interface InboxEntry {
  readonly id: string;
  readonly type: string;
  readonly user: string;
  readonly at: number;
  /** JSON, as the client wrote it. */
  readonly data: string;
  /** None where no client has emitted it. */
  readonly connection: string | undefined;
  readonly device: string | undefined;
  /** The connection waits for an answer by this name. */
  readonly ref: string | undefined;
  readonly traceparent: string | undefined;
}

/** What an emitter is told: a reply, in JSON, or why there is none. */
export type Answer = { readonly reply: string } | { readonly error: ErrorCode };

/** Who is told once an entry is done with; `own` is the entry's connection, if that waits. */
export type Told = "own" | "nobody" | { readonly connection: string; readonly ref: string };

// What people are told.
const WORDS: Partial<Record<ErrorCode, string>> = { service_failed: "the service could not handle the event" };

/** Reads an entry; undefined if it is not one of the inbox. */
export function readEntry(fields: ReadonlyMap<string, string>): InboxEntry | undefined {
  const [id, type, user, at, data] = ["id", "type", "user", "at", "data"].map((name) => fields.get(name));
  if (id === undefined || type === undefined || user === undefined || data === undefined) return undefined;
  if (at === undefined || !NUMBER.test(at)) return undefined;
  const connection = fields.get("connection");
  if (connection !== undefined && !isConnectionId(connection)) return undefined;
  const [device, ref, traceparent] = ["device", "ref", "traceparent"].map((name) => fields.get(name));
  return { id, type, user, at: Number(at), data, connection, device, ref, traceparent };
}

/** Where an entry of the inbox stands. */
export interface EntryPosition {
  readonly shard: number;
  readonly entry: string;
  readonly group: string;
}

/**
 * Finishes with an entry. `of` is the user and the event's id, if the entry could be read; `dead` are the names and values
 * of the dead letter that it becomes.
 */
export function answer(
  keys: Keys,
  { shard, entry, group }: EntryPosition,
  of: { readonly user: string; readonly id: string } | undefined,
  answer: Answer | undefined,
  dead?: readonly string[],
): Call {
  const text = answer === undefined ? "" : "reply" in answer ? `reply ${answer.reply}` : `error ${answer.error}`;
  return {
    script: "answer",
    keys: [keys.inbox(shard), keys.inboxDead(shard), keys.emitted(shard, of?.user ?? "", of?.id ?? "")],
    arguments: [group, entry, text, ...(dead === undefined ? [""] : [MOST_DEAD, ...dead])],
  };
}


/** The names and values of a dead letter: those of the entry, and who has given it up, after how many tries, and why. */
export function deadLetter(fields: ReadonlyMap<string, string>, group: string, tries: number, reason: string): string[] {
  const sorted = [...fields].sort(([one], [other]) => (one < other ? -1 : 1));
  return [...sorted.flat(), "group", group, "tries", String(tries), "reason", reason];
}

/** What finishing answered; undefined where that is something else. */
export function readTold(words: unknown): Told | undefined {
  if (!Array.isArray(words) || words.length !== 3) return undefined;
  const [status, connection, ref] = words as unknown[];
  if (typeof connection !== "string" || typeof ref !== "string") return undefined;
  if (status === "gone") return "nobody";
  if (status !== "done") return undefined;
  if (connection === "") return "own";
  if (ref === "") return "nobody";
  return isConnectionId(connection) ? { connection, ref } : undefined;
}

/** The message for the node of that connection. */
export function replyMessage(connection: string, ref: string, answer: Answer): string {
  const name = JSON.stringify(ref);
  return `reply ${connection} ${name}\n${replyFrame(name, answer)}`;
}

function replyFrame(ref: string, answer: Answer): string {
  if ("reply" in answer) return `{"type":"wirebell.reply","ref":${ref},"data":${answer.reply}}`;
  const message = JSON.stringify(WORDS[answer.error] ?? "the event was rejected");
  return `{"type":"wirebell.error","code":"${answer.error}","message":${message},"ref":${ref}}`;
}
