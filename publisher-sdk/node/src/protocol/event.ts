// An event: what a service publishes. Attributes are those of CloudEvents 1.0 where it has one.

import type { RawJson } from "./raw-json.js";

/**
 * How an event is kept: `durable` in the channel's log, for every device, in order; `retained` as the last one per `key`;
 * `volatile` not at all.
 */
export type Class = "durable" | "retained" | "volatile";

/** When an event counts as published: once the primary has it, or once a replica has it too. */
export type Durability = "primary" | "replicated";

/** Something that a service has to tell. `to`, `type` and `data` suffice; `null` counts as absent, save in `data`. */
export interface WirebellEvent<Data = unknown> {
  /** A channel, or up to 1,000: `user:<id>`, `topic:<name>`, `conn:<connection id>`, `all`. */
  to: string | readonly string[];
  /** What happened. Types that begin with `wirebell.` are reserved. */
  type: string;
  /** What `JSON.stringify` can write, up to 1 MiB; or JSON text: {@link RawJson}. */
  data: Data | RawJson;
  /** Its identity and idempotency key: the same id to the same channel again changes nothing. Made where there is none. */
  id?: string | null | undefined;
  /** Which service says so. */
  source?: string | null | undefined;
  /** When it happened: RFC 3339, or a date. Now, where there is none. */
  time?: string | Date | null | undefined;
  /** How it is kept. Usual: `durable`. */
  class?: Class | null | undefined;
  /** What a retained event is the newest value of. Usual: its type. */
  key?: string | null | undefined;
  /** For how many seconds it is worth delivering. */
  ttl?: number | null | undefined;
  /** Not before this time: RFC 3339, or a date. */
  deliverAt?: string | Date | null | undefined;
  /** Its publisher wants to know what becomes of it. */
  receipt?: boolean | null | undefined;
  /** If no device has acknowledged it after so many seconds, it goes to the fallback stream. */
  deadline?: number | null | undefined;
  /** When it counts as published. */
  durability?: Durability | null | undefined;
  /** The W3C trace context that the delivery continues. */
  traceparent?: string | null | undefined;
}

/** An event whose attributes were all found to be right. */
export interface CheckedEvent {
  readonly to: readonly string[];
  readonly type: string;
  /** As JSON text. */
  readonly data: string;
  readonly id: string | undefined;
  readonly source: string | undefined;
  readonly time: string | undefined;
  readonly class: Class;
  readonly key: string | undefined;
  readonly ttl: number | undefined;
  readonly deliverAt: string | undefined;
  readonly receipt: boolean;
  readonly deadline: number | undefined;
  readonly durability: Durability | undefined;
  readonly traceparent: string | undefined;
}

/** A checked event that has its identity and its time, so that every try to publish it is the same event. */
export interface StampedEvent extends CheckedEvent {
  readonly id: string;
  readonly time: string;
}

/** Does its publisher want to know what becomes of it? */
export function isTracked(event: CheckedEvent): boolean {
  return event.receipt || event.deadline !== undefined;
}

/** The event as a services' door reads it. */
export function toWire(event: CheckedEvent): string {
  const parts: string[] = [];
  const member = (name: string, value: unknown) => {
    if (value !== undefined) parts.push(`"${name}":${JSON.stringify(value)}`);
  };
  member("to", event.to.length === 1 ? event.to[0] : event.to);
  member("type", event.type);
  parts.push(`"data":${event.data}`);
  member("id", event.id);
  member("source", event.source);
  member("time", event.time);
  member("class", event.class === "durable" ? undefined : event.class);
  member("key", event.key);
  member("ttl", event.ttl);
  member("deliver_at", event.deliverAt);
  member("receipt", event.receipt || undefined);
  member("deadline", event.deadline);
  member("durability", event.durability);
  member("traceparent", event.traceparent);
  return `{${parts.join(",")}}`;
}
