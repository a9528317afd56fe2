// Sets an event's id and time once, before the first attempt, so that every attempt sends the same
// event.

import { randomFillSync } from "node:crypto";
import type { CheckedEvent, Durability, StampedEvent } from "./protocol/event.js";
import { writeTime } from "./protocol/rfc3339.js";

// Crockford's base 32: no I, L, O or U.
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_LETTERS = 10;
const RANDOM_LETTERS = 16;

/** Sets a ULID, the current time and the default durability, where the event has none. */
export function stamp(event: CheckedEvent, durability: Durability | undefined): StampedEvent {
  return {
    ...event,
    id: event.id ?? ulid(),
    time: event.time ?? writeTime(new Date()),
    // A volatile event is not stored.
    durability: event.durability ?? (event.class === "volatile" ? undefined : durability),
  };
}

/**
 * Returns a ULID: 48 bits of time and 80 random bits. Ids sort by time and need no coordination.
 */
export function ulid(now = Date.now()): string {
  let text = "";
  let rest = now;
  for (let at = 0; at < TIME_LETTERS; at += 1) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  for (const byte of random()) text += ALPHABET.charAt(byte % 32);
  return text;
}

// Random bytes for many ids at once: the system call costs more than the rest of an id.
const pool = Buffer.allocUnsafe(RANDOM_LETTERS * 128);
let used = pool.length;

function random(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += RANDOM_LETTERS;
  return pool.subarray(used - RANDOM_LETTERS, used);
}
