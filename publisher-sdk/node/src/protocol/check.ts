// Checks an event, attribute by attribute, so that an error names the attribute and what was
// expected. The order is that of a node, so that both find the same error first.

import { InvalidEventError } from "../errors.js";
import { channelError, channelErrorMessage, isConnection } from "./channel.js";
import type { CheckedEvent, Class, Durability, WirebellEvent } from "./event.js";
import { shape, writeJson } from "./json.js";
import { parseTime, writeTime } from "./rfc3339.js";
import { isTraceparent } from "./trace.js";

/** The most channels of one event. */
export const MAX_CHANNELS = 1_000;
/** The longest `id`, `type`, `source` and `key`, in bytes. */
export const MAX_NAME_BYTES = 256;
/** The largest `data`, in bytes of JSON. A node may be configured to accept less. */
export const MAX_DATA_BYTES = 1024 * 1024;
/**
 * The most bytes of `data` over all channels of one event: each channel stores a copy in its log.
 */
export const MAX_COPIED_BYTES = 32 * 1024 * 1024;

const DAY = 24 * 60 * 60;
const LONGEST_TTL = 366 * DAY;
const LONGEST_DEADLINE = 7 * DAY;

/** The attributes, and their names on the wire. */
export const ATTRIBUTES: Readonly<Record<keyof WirebellEvent, string>> = {
  to: "to",
  type: "type",
  data: "data",
  id: "id",
  source: "source",
  time: "time",
  class: "class",
  key: "key",
  ttl: "ttl",
  deliverAt: "deliver_at",
  receipt: "receipt",
  deadline: "deadline",
  durability: "durability",
  traceparent: "traceparent",
};

/** Checks an event from a service. @throws InvalidEventError */
export function check(event: WirebellEvent, maxData = MAX_DATA_BYTES): CheckedEvent {
  checkAttributeNames(event);
  const given = targets(required("to", event.to ?? undefined));
  const type = checkType(text("type", required("type", event.type ?? undefined)));
  const data = json(required("data", event.data), maxData);
  const optional = <T>(name: keyof WirebellEvent, read: (attribute: string, value: unknown) => T) => {
    const value = event[name] ?? undefined;
    return value === undefined ? undefined : read(name, value);
  };
  return checkCombinations({
    to: channels(given, data),
    type,
    data,
    id: optional("id", name),
    source: optional("source", name),
    time: optional("time", time),
    class: optional("class", (_, value) => word<Class>("class", value, ["durable", "retained", "volatile"])) ?? "durable",
    key: optional("key", name),
    ttl: optional("ttl", (attribute, value) => seconds(attribute, value, LONGEST_TTL)),
    deliverAt: optional("deliverAt", time),
    receipt: optional("receipt", boolean) ?? false,
    deadline: optional("deadline", (attribute, value) => seconds(attribute, value, LONGEST_DEADLINE)),
    durability: optional("durability", (_, value) => word<Durability>("durability", value, ["primary", "replicated"])),
    traceparent: optional("traceparent", traceparent),
  });
}

/** The error for an unknown attribute. */
export function unknownAttribute(attribute: string, hint = ""): InvalidEventError {
  const shown = JSON.stringify(attribute.slice(0, 64));
  return new InvalidEventError("event", `unknown attribute ${shown}${hint}: expected those of ${Object.keys(ATTRIBUTES).join(", ")}`);
}

function checkAttributeNames(event: WirebellEvent): void {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw new InvalidEventError("event", `expected one object with the attributes of an event, found ${shape(event)}`);
  }
  for (const attribute of Object.keys(event)) {
    if (Object.hasOwn(ATTRIBUTES, attribute)) continue;
    throw unknownAttribute(attribute, attribute === "deliver_at" ? " (did you mean `deliverAt`?)" : "");
  }
}

function required<T>(attribute: string, value: T | undefined): T {
  if (value === undefined) throw new InvalidEventError(attribute, "is required: an event needs `to`, `type` and `data`");
  return value;
}

function targets(given: unknown): string[] {
  const names = Array.isArray(given) ? (given as unknown[]) : [text("to", given)];
  const checked = names.map((name) => {
    if (typeof name !== "string") throw new InvalidEventError("to", "expected a list of channels, each a string");
    const error = channelError(name);
    if (error !== undefined) throw new InvalidEventError("to", channelErrorMessage(error));
    return name;
  });
  return checked;
}

function channels(given: readonly string[], data: string): string[] {
  if (given.length === 0) throw new InvalidEventError("to", "the list of channels is empty");
  if (given.length > MAX_CHANNELS) throw tooLarge("to", `${given.length} channels; at most ${MAX_CHANNELS}`);
  // A channel that is named twice gets the event once.
  const to = [...new Set(given)];
  const copied = to.length * Buffer.byteLength(data);
  if (copied > MAX_COPIED_BYTES) throw tooLarge("to", `${copied} bytes of data over all channels; at most ${MAX_COPIED_BYTES}`);
  return to;
}

function json(data: unknown, maxData: number): string {
  const written = writeJson(data);
  if ("why" in written) throw new InvalidEventError("data", written.why);
  const { text } = written;
  const [length, most] = [Buffer.byteLength(text), Math.min(maxData, MAX_DATA_BYTES)];
  if (length > most) throw tooLarge("data", `${length} bytes; at most ${most}`);
  return text;
}

function checkType(type: string): string {
  if (type.startsWith("wirebell.")) throw new InvalidEventError("type", "types that begin with `wirebell.` are reserved");
  return name("type", type);
}

function name(attribute: string, given: unknown): string {
  const value = text(attribute, given);
  if (value === "") throw new InvalidEventError(attribute, "is empty");
  if (Buffer.byteLength(value) > MAX_NAME_BYTES) throw tooLarge(attribute, `longer than ${MAX_NAME_BYTES} bytes`);
  if (/\p{Cc}/u.test(value)) throw new InvalidEventError(attribute, "contains a control character");
  if (!value.isWellFormed()) throw new InvalidEventError(attribute, "contains a lone surrogate, which has no UTF-8 encoding");
  return value;
}

function time(attribute: string, given: unknown): string {
  const expected = "expected an RFC 3339 time, like `2026-11-21T10:00:00.123Z`, or a `Date`";
  if (given instanceof Date) {
    const year = given.getUTCFullYear();
    if (Number.isNaN(year) || year < 0 || year > 9999) throw new InvalidEventError(attribute, `${expected}; found an invalid date`);
    return writeTime(given);
  }
  if (typeof given !== "string" || parseTime(given) === undefined) throw new InvalidEventError(attribute, expected);
  return given;
}

function seconds(attribute: string, given: unknown, longest: number): number {
  if (typeof given !== "number" || !Number.isInteger(given)) {
    throw new InvalidEventError(attribute, `expected whole seconds, found ${shape(given)}`);
  }
  if (given < 1 || given > longest) throw new InvalidEventError(attribute, `expected 1 to ${longest} seconds`);
  return given;
}

function boolean(attribute: string, given: unknown): boolean {
  if (typeof given === "boolean") return given;
  throw new InvalidEventError(attribute, `expected \`true\` or \`false\`, found ${shape(given)}`);
}

function word<Word extends string>(attribute: string, given: unknown, words: readonly Word[]): Word {
  const value = words.find((word) => word === given);
  if (value !== undefined) return value;
  throw new InvalidEventError(attribute, `expected ${words.map((word) => `\`${word}\``).join(" or ")}`);
}

function traceparent(attribute: string, given: unknown): string {
  const value = text(attribute, given);
  if (isTraceparent(value)) return value;
  throw new InvalidEventError(attribute, "expected a W3C trace context, `00-<32 hex>-<16 hex>-<2 hex>`");
}

function text(attribute: string, given: unknown): string {
  if (typeof given === "string") return given;
  throw new InvalidEventError(attribute, `expected a string, found ${shape(given)}`);
}

// Checks the attributes that depend on each other.
function checkCombinations(event: CheckedEvent): CheckedEvent {
  if (event.key !== undefined && event.class !== "retained") {
    throw new InvalidEventError("key", 'applies to retained events only: add `class: "retained"`');
  }
  if (event.deadline !== undefined && event.class !== "durable") {
    throw new InvalidEventError("deadline", "only a durable event can be acknowledged by a deadline");
  }
  if (event.class === "retained" && event.to.some(isConnection)) {
    throw new InvalidEventError("to", "a connection cannot retain events, because its id is never used again; use `durable`");
  }
  if (event.class === "volatile" && event.durability === "replicated") {
    throw new InvalidEventError("durability", "a volatile event is not stored, so it cannot be replicated");
  }
  return event;
}

function tooLarge(attribute: string, message: string): InvalidEventError {
  return new InvalidEventError(attribute, message, "too_large");
}
