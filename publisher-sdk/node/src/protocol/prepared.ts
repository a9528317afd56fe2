// An event made ready for each of its channels: its frame is written once, here, with a hole for the cursor that only
// the log can give.

import { type Class, type Durability, type StampedEvent, isTracked } from "./event.js";
import { parseTime } from "./rfc3339.js";

/** One event on its way to one channel. */
export interface Prepared {
  readonly channel: string;
  readonly class: Class;
  readonly id: string;
  readonly ttlMillis: number | undefined;
  /** What it is the newest value of, if it is retained; its type, if it has no key of its own. */
  readonly key: string;
  readonly durability: Durability | undefined;
  readonly tracking: Tracking | undefined;
  /** The frame up to its cursor. */
  readonly head: string;
  /** The frame behind it. */
  readonly tail: string;
}

/** What has to be kept of an event's fate. */
export interface Tracking {
  /** Its publisher wants to know what becomes of it, or it has a deadline. */
  readonly watched: boolean;
  readonly deadlineMillis: number | undefined;
  /** When it is to be published, in milliseconds since the Unix epoch. */
  readonly deliverAt: number | undefined;
  readonly source: string;
}

/** One for each channel. */
export function prepare(event: StampedEvent): Prepared[] {
  const tail = tailOf(event);
  const tracking = trackingOf(event);
  const head = `{"type":${JSON.stringify(event.type)},"id":${JSON.stringify(event.id)},"channel":`;
  return event.to.map((channel) => ({
    channel,
    class: event.class,
    id: event.id,
    ttlMillis: event.ttl === undefined ? undefined : event.ttl * 1000,
    key: event.key ?? event.type,
    durability: event.durability,
    tracking,
    head: head + JSON.stringify(channel),
    tail,
  }));
}

/** The frame, once the log has given the cursor. */
export function frame(prepared: Prepared, cursor: string | undefined): string {
  return prepared.head + (cursor === undefined ? "" : `,"cursor":"${cursor}"`) + prepared.tail;
}

function tailOf(event: StampedEvent): string {
  let tail = `,"time":${JSON.stringify(event.time)}`;
  if (event.source !== undefined) tail += `,"source":${JSON.stringify(event.source)}`;
  if (event.class === "retained") tail += `,"key":${JSON.stringify(event.key ?? event.type)}`;
  tail += `,"data":${event.data}`;
  // Only what has a cursor can be acknowledged.
  if (isTracked(event) && event.class === "durable") tail += ',"ack":true';
  // Last, where a node finds it.
  if (event.traceparent !== undefined) tail += `,"traceparent":${JSON.stringify(event.traceparent)}`;
  return `${tail}}`;
}

function trackingOf(event: StampedEvent): Tracking | undefined {
  const deliverAt = event.deliverAt === undefined ? undefined : parseTime(event.deliverAt);
  const watched = isTracked(event);
  if (!watched && deliverAt === undefined) return undefined;
  return {
    watched,
    deadlineMillis: event.deadline === undefined ? undefined : event.deadline * 1000,
    deliverAt: deliverAt === undefined ? undefined : Math.max(0, deliverAt),
    source: event.source ?? "",
  };
}
