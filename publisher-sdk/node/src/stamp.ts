// Stamping: an event gets its id and its time once, before the first try, so that every try is the same event.

import { randomFillSync } from "node:crypto";
import type { CheckedEvent, Durability, StampedEvent } from "./protocol/event.js";
import { writeTime } from "./protocol/rfc3339.js";

// Crockford's alphabet: no I, L, O or U.
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_LETTERS = 10;
const RANDOM_LETTERS = 16;

/** Gives the event a ULID and the time of now where it has none of its own, and the usual durability. */
export function stamp(event: CheckedEvent, durability: Durability | undefined): StampedEvent {
  return {
    ...event,
    id: event.id ?? ulid(),
    time: event.time ?? writeTime(new Date()),
    // What is volatile is not stored.
    durability: event.durability ?? (event.class === "volatile" ? undefined : durability),
  };
}

/** A ULID: 48 bits of time and 80 of chance, so that ids sort by time and need nobody to be asked. */
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

// Asking the system for chance once for many ids: it costs more than everything else that is done for one.
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
