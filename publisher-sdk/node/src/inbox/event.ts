// An inbox event as handlers get it.

import { readEntry } from "../protocol/inbox.js";
import type { Entry } from "../redis/streams.js";

/**
 * An event that a client emitted, or a presence event of a node (`user.online`, `user.offline`).
 * The user, the connection and the device come from the node; a client cannot forge them.
 */
export interface InboxEvent<Data = unknown> {
  /** The event's id. It is the same in every attempt. */
  readonly id: string;
  readonly type: string;
  /** The user of the session, as its token says. */
  readonly user: string;
  /**
   * The connection; its channel is `conn:<connection>`. Undefined if no client emitted the event.
   */
  readonly connection: string | undefined;
  /** The device, if the token names one. */
  readonly device: string | undefined;
  /** When the bus accepted it, in milliseconds since the Unix epoch, by the bus's clock. */
  readonly at: number;
  /** The client's data; `null` if it sent none. */
  readonly data: Data;
  /** The same as JSON, byte for byte. */
  readonly json: string;
  /** W3C trace context, if the client sent one. */
  readonly traceparent: string | undefined;
  /** The number of this attempt, from 1. */
  readonly tries: number;
}

/** An event, and the `ref` under which its connection waits for a reply. */
export interface InboxJob {
  readonly id: string;
  readonly tries: number;
  readonly event: InboxEvent;
  readonly ref: string | undefined;
}

/** Reads an entry; returns undefined if it is not an inbox event. */
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
