// The inbox for services: reading entries, finishing them, and replying to the client.

import type { Call } from "./calls.js";
import { isConnectionId } from "./connection.js";
import type { ErrorCode } from "./error-code.js";
import type { Keys } from "./keys.js";

/** The largest reply, in bytes of JSON. */
export const MAX_REPLY_BYTES = 1_048_576;

// Most dead letters in one shard.
const MOST_DEAD = "1000000";
const NUMBER = /^\d+$/;

/** An inbox entry. */
export interface InboxEntry {
  readonly id: string;
  readonly type: string;
  readonly user: string;
  readonly at: number;
  /** The data as JSON, as the client wrote it. */
  readonly data: string;
  /** Undefined if no client emitted it. */
  readonly connection: string | undefined;
  readonly device: string | undefined;
  /** The `ref` under which the connection waits for a reply. */
  readonly ref: string | undefined;
  readonly traceparent: string | undefined;
}

/** The reply to the client that emitted the event: JSON, or an error code. */
export type EmitterReply = { readonly reply: string } | { readonly error: ErrorCode };

/**
 * Which connection gets the reply after an entry is finished; `own` is the entry's connection, if
 * it waits.
 */
export type FinishResult = "own" | "nobody" | { readonly connection: string; readonly ref: string };

// The messages of error frames.
const MESSAGES: Partial<Record<ErrorCode, string>> = { service_failed: "the service could not handle the event" };

/** Reads an entry; returns undefined if it is not an inbox entry. */
export function readEntry(fields: ReadonlyMap<string, string>): InboxEntry | undefined {
  const [id, type, user, at, data] = ["id", "type", "user", "at", "data"].map((name) => fields.get(name));
  if (id === undefined || type === undefined || user === undefined || data === undefined) return undefined;
  if (at === undefined || !NUMBER.test(at)) return undefined;
  const connection = fields.get("connection");
  if (connection !== undefined && !isConnectionId(connection)) return undefined;
  const [device, ref, traceparent] = ["device", "ref", "traceparent"].map((name) => fields.get(name));
  return { id, type, user, at: Number(at), data, connection, device, ref, traceparent };
}

/** The position of an inbox entry, and the group that finishes it. */
export interface EntryPosition {
  readonly shard: number;
  readonly entry: string;
  readonly group: string;
}

/**
 * Returns the script call that finishes an entry. `event` is its user and id, if the entry could be
 * read. `dead` lists the field names and values of its dead letter.
 */
export function answer(
  keys: Keys,
  { shard, entry, group }: EntryPosition,
  event: { readonly user: string; readonly id: string } | undefined,
  reply: EmitterReply | undefined,
  dead?: readonly string[],
): Call {
  const text = reply === undefined ? "" : "reply" in reply ? `reply ${reply.reply}` : `error ${reply.error}`;
  return {
    script: "answer",
    keys: [keys.inbox(shard), keys.inboxDead(shard), keys.emitted(shard, event?.user ?? "", event?.id ?? "")],
    arguments: [group, entry, text, ...(dead === undefined ? [""] : [MOST_DEAD, ...dead])],
  };
}

/**
 * Returns the field names and values of a dead letter: those of the entry, then the group, the
 * attempts and the reason.
 */
export function deadLetter(fields: ReadonlyMap<string, string>, group: string, tries: number, reason: string): string[] {
  const sorted = [...fields].sort(([one], [other]) => (one < other ? -1 : 1));
  return [...sorted.flat(), "group", group, "tries", String(tries), "reason", reason];
}

/** Reads the reply of the answer script; undefined if it is invalid. */
export function readFinishResult(reply: unknown): FinishResult | undefined {
  if (!Array.isArray(reply) || reply.length !== 3) return undefined;
  const [status, connection, ref] = reply as unknown[];
  if (typeof connection !== "string" || typeof ref !== "string") return undefined;
  if (status === "gone") return "nobody";
  if (status !== "done") return undefined;
  if (connection === "") return "own";
  if (ref === "") return "nobody";
  return isConnectionId(connection) ? { connection, ref } : undefined;
}

/** Returns the message to the node of the connection. */
export function replyMessage(connection: string, ref: string, reply: EmitterReply): string {
  const name = JSON.stringify(ref);
  return `reply ${connection} ${name}\n${replyFrame(name, reply)}`;
}

function replyFrame(ref: string, reply: EmitterReply): string {
  if ("reply" in reply) return `{"type":"wirebell.reply","ref":${ref},"data":${reply.reply}}`;
  const message = JSON.stringify(MESSAGES[reply.error] ?? "the event was rejected");
  return `{"type":"wirebell.error","code":"${reply.error}","message":${message},"ref":${ref}}`;
}
