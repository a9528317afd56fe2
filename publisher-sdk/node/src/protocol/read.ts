// Reads an event from JSON. `data` keeps its text, byte for byte.

import { InvalidEventError } from "../errors.js";
import { ATTRIBUTES, MAX_DATA_BYTES, check, unknownAttribute } from "./check.js";
import type { CheckedEvent, WirebellEvent } from "./event.js";
import { RawJson, members } from "./raw-json.js";

const NAMES = new Map(Object.entries(ATTRIBUTES).map(([name, wire]) => [wire, name as keyof WirebellEvent]));
const WHOLE = /^(?:0|[1-9]\d*)$/;

/**
 * Returns the event in this JSON, ready to be published, for a service that forwards events. Its
 * `data` reaches clients as it is in the text.
 *
 * @throws InvalidEventError if it is not an event.
 */
export function parseEvent(json: string): WirebellEvent {
  const event = read(json);
  check(event);
  return event;
}

/** Returns the same as a checked event with at most `maxData` bytes of `data`. */
export function readEvent(json: string, maxData = MAX_DATA_BYTES): CheckedEvent {
  return check(read(json), maxData);
}

function read(json: string): WirebellEvent {
  if (!isObject(json)) throw new InvalidEventError("event", "expected one JSON object with the attributes of an event");
  const { found, twice } = members(json);
  if (twice !== undefined) throw new InvalidEventError("event", `an attribute is given twice: ${JSON.stringify(twice.slice(0, 64))}`);
  const event: Record<string, unknown> = {};
  for (const [wire, text] of found) {
    const name = NAMES.get(wire);
    if (name === undefined) throw unknownAttribute(wire);
    event[name] = wire === "data" ? new RawJson(text) : value(name, text);
  }
  return event as unknown as WirebellEvent;
}

// A number with a fraction or an exponent is not in whole seconds, even if its value is whole.
function value(name: keyof WirebellEvent, text: string): unknown {
  if ((name === "ttl" || name === "deadline") && /^[-\d]/.test(text) && !WHOLE.test(text)) return Number.NaN;
  return JSON.parse(text) as unknown;
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
