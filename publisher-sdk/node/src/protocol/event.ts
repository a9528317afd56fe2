// The protocol: events, channels, keys, script calls, receipts and inbox entries, without any I/O.
// In: events from a service, and replies of Redis. Out: checked events, frames, script calls,
// parsed values. It must match `protocol/` byte for byte; `protocol/vectors` tests that. It does
// not know connections.
//
// This file defines the event. Its attributes are those of CloudEvents 1.0 where CloudEvents has
// them.

import type { RawJson } from "./raw-json.js";

/**
 * How an event is stored. `durable`: in the channel's log, in order, for every device. `retained`:
 * only the last one per `key`. `volatile`: not at all.
 */
export type Class = "durable" | "retained" | "volatile";

/** When an event counts as published: once the primary has it, or once a replica has it too. */
export type Durability = "primary" | "replicated";

/**
 * An event to publish. `to`, `type` and `data` are required. `null` means absent, except in `data`.
 */
export interface WirebellEvent<Data = unknown> {
  /** One channel, or up to 1,000: `user:<id>`, `topic:<name>`, `conn:<connection id>`, `all`. */
  to: string | readonly string[];
  /** What happened. Types that begin with `wirebell.` are reserved. */
  type: string;
  /** A value that `JSON.stringify` accepts, up to 1 MiB; or JSON text: {@link RawJson}. */
  data: Data | RawJson;
  /**
   * The id and idempotency key: the same id on the same channel has no further effect. Default:
   * generated.
   */
  id?: string | null | undefined;
  /** The name of the publishing service. */
  source?: string | null | undefined;
  /** When it happened: RFC 3339 or a `Date`. Default: now. */
  time?: string | Date | null | undefined;
  /** How it is stored. Default: `durable`. */
  class?: Class | null | undefined;
  /** The key of a retained event; only the last event per key is stored. Default: its type. */
  key?: string | null | undefined;
  /** How many seconds delivery makes sense. */
  ttl?: number | null | undefined;
  /** The time to publish it: RFC 3339 or a `Date`. */
  deliverAt?: string | Date | null | undefined;
  /** Tracks the delivery status. */
  receipt?: boolean | null | undefined;
  /** After this many seconds without an acknowledgement, the event goes to the fallback stream. */
  deadline?: number | null | undefined;
  /** When it counts as published. Default: the option `durability`. */
  durability?: Durability | null | undefined;
  /** The W3C trace context that delivery continues. */
  traceparent?: string | null | undefined;
}

/** An event with valid attributes. */
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

/** A checked event with an id and a time, so that every attempt publishes the same event. */
export interface StampedEvent extends CheckedEvent {
  readonly id: string;
  readonly time: string;
}

/** Returns whether the delivery status of the event is tracked. */
export function isTracked(event: CheckedEvent): boolean {
  return event.receipt || event.deadline !== undefined;
}

/** Returns the event as JSON for the server API. */
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
