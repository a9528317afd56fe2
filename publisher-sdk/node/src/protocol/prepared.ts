// An event prepared for each of its channels. Its frame is written once here, with a gap for the
// cursor that only the log can assign.

import { type Class, type Durability, type StampedEvent, isTracked } from "./event.js";
import { parseTime } from "./rfc3339.js";

/** One event for one channel. */
export interface Prepared {
  readonly channel: string;
  readonly class: Class;
  readonly id: string;
  readonly ttlMillis: number | undefined;
  /** The key of a retained value: the event's key, or its type. */
  readonly key: string;
  readonly durability: Durability | undefined;
  readonly tracking: Tracking | undefined;
  /** The frame before its cursor. */
  readonly head: string;
  /** The frame after its cursor. */
  readonly tail: string;
}

/** What the delivery record needs. */
export interface Tracking {
  /** Whether the delivery status is tracked: the event has `receipt` or a deadline. */
  readonly tracked: boolean;
  readonly deadlineMillis: number | undefined;
  /** When to publish it, in milliseconds since the Unix epoch. */
  readonly deliverAt: number | undefined;
  readonly source: string;
}

/** Returns one prepared event per channel. */
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

/** Returns the frame with the cursor that the log assigned. */
export function frame(prepared: Prepared, cursor: string | undefined): string {
  return prepared.head + (cursor === undefined ? "" : `,"cursor":"${cursor}"`) + prepared.tail;
}

function tailOf(event: StampedEvent): string {
  let tail = `,"time":${JSON.stringify(event.time)}`;
  if (event.source !== undefined) tail += `,"source":${JSON.stringify(event.source)}`;
  if (event.class === "retained") tail += `,"key":${JSON.stringify(event.key ?? event.type)}`;
  tail += `,"data":${event.data}`;
  // Only events with a cursor can be acknowledged.
  if (isTracked(event) && event.class === "durable") tail += ',"ack":true';
  // The trace context is last, where nodes look for it.
  if (event.traceparent !== undefined) tail += `,"traceparent":${JSON.stringify(event.traceparent)}`;
  return `${tail}}`;
}

function trackingOf(event: StampedEvent): Tracking | undefined {
  const deliverAt = event.deliverAt === undefined ? undefined : parseTime(event.deliverAt);
  const tracked = isTracked(event);
  if (!tracked && deliverAt === undefined) return undefined;
  return {
    tracked,
    deadlineMillis: event.deadline === undefined ? undefined : event.deadline * 1000,
    deliverAt: deliverAt === undefined ? undefined : Math.max(0, deliverAt),
    source: event.source ?? "",
  };
}
