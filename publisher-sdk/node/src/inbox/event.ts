// An event in the inbox, as a handler gets it.

import { readEntry } from "../protocol/inbox.js";
import type { Entry } from "../redis/streams.js";

/**
 * What a client has emitted, or what a node tells of a user's presence (`user.online`, `user.offline`). The user, the
 * connection and the device are what the node knows of them, and nothing that a client could say of itself.
 */
export interface InboxEvent<Data = unknown> {
  /** The event's id: the same however often it is handed out. */
  readonly id: string;
  readonly type: string;
  /** Whose session it was, as its token says. */
  readonly user: string;
  /** Over which connection: `conn:<connection>` is its channel. Undefined where no client has emitted it. */
  readonly connection: string | undefined;
  /** From which device, if the token names it. */
  readonly device: string | undefined;
  /** When the bus took it, in milliseconds since the Unix epoch, by the bus' clock. */
  readonly at: number;
  /** What the client gave; `null` where it gave nothing. */
  readonly data: Data;
  /** The same in JSON, byte for byte. */
  readonly json: string;
  /** W3C trace context, if the client gave one. */
  readonly traceparent: string | undefined;
  /** Which try this is, from 1. */
  readonly tries: number;
}

/** An event, and by which name its connection waits for an answer. */
export interface InboxJob {
  readonly id: string;
  readonly tries: number;
  readonly event: InboxEvent;
  readonly ref: string | undefined;
}

/** Undefined if it is not an entry of the inbox. */
export function readJob(entry: Entry): InboxJob | undefined {
  const { tries } = entry;
  const found = readEntry(entry.fields);
  if (found === undefined) return undefined;
  const { id, type, user, connection, device, at, data: json, ref, traceparent } = found;
  try {
    const data: unknown = JSON.parse(json);
    return { id, tries, ref, event: { id, type, user, connection, device, at, data, json, traceparent, tries } };
  } catch {
    return undefined;
  }
}
