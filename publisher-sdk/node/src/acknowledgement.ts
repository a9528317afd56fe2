// Waits for a device to acknowledge an event.

import { NotAcknowledgedError, TimedOutError } from "./errors.js";
import { Failure } from "./failure.js";
import { type Receipt, type State, isFinal } from "./protocol/receipt.js";
import { TIMEOUT, sleep, withDeadline } from "./retry.js";
import type { Transport } from "./transport.js";

/** The acknowledgement of an event by a device. */
export interface Acknowledgement {
  /** The event's id. */
  id: string;
  /** The channel on which the device received the event. */
  channel: string;
  /** The device, as its token names it; the connection id if the token names none. */
  device: string;
  /** The id of the device's connection. */
  connection: string;
  /** The time of the acknowledgement, in milliseconds since the Unix epoch, by the bus's clock. */
  at: number;
}

// The shortest and the longest pause between two polls, in milliseconds.
const PAUSES = [10, 500] as const;
// The longest wait that one request asks of a node. It bounds how long a connection is busy.
const LONGEST_POLL = 25_000;
// A poll that starts before the timeout may end this much later.
const LAST_POLL = 1_000;

/** Waits for the first acknowledgement on any of the channels. @throws NotAcknowledgedError */
export async function acknowledgement(
  transport: Transport,
  id: string,
  channels: readonly string[],
  timeout: number,
): Promise<Acknowledgement> {
  const start = Date.now();
  const end = start + timeout;
  for (;;) {
    const found = await withDeadline(end + LAST_POLL, poll(transport, id, channels, pollTimeout(end, channels)));
    if (found !== TIMEOUT && found !== undefined && !(found instanceof Failure)) return found;
    if (found instanceof Failure && found.kind !== "transient") throw new NotAcknowledgedError("bus", found.error);
    const now = Date.now();
    if (now >= end) {
      if (found === undefined) throw new NotAcknowledgedError("not_in_time");
      throw new NotAcknowledgedError("bus", found === TIMEOUT ? new TimedOutError(timeout) : found.error);
    }
    const pause = Math.min(Math.max((now - start) / 8, PAUSES[0]), PAUSES[1]);
    // Jitter: callers that started together do not poll together.
    await sleep(Math.min(end - now, pause * (0.9 + Math.random() / 5)));
  }
}

// How long a node may wait until the event is final on all channels. With several channels, one may
// be acknowledged long before the others are final.
function pollTimeout(end: number, channels: readonly string[]): number {
  return Math.min(Math.max(0, end - Date.now()), channels.length === 1 ? LONGEST_POLL : 1_000);
}

async function poll(
  transport: Transport,
  id: string,
  channels: readonly string[],
  patience: number,
): Promise<Acknowledgement | Failure | undefined> {
  const states = await transport.states(id, channels, patience);
  if (states instanceof Failure) return states;
  const state = combine(states);
  if (state === undefined) return undefined;
  if (state !== "acknowledged") throw new NotAcknowledgedError(state);
  // The details of the delivery record are read only now: they may be large.
  const receipts = await transport.receipts(id);
  return receipts instanceof Failure ? receipts : firstAcknowledgement(id, channels, receipts);
}

/**
 * Returns the final state over all channels; undefined while one of them may still be acknowledged.
 */
export function combine(states: readonly (State | undefined)[]): "acknowledged" | "fallen_back" | "expired" | "cancelled" | "unknown" | undefined {
  if (states.includes("acknowledged")) return "acknowledged";
  if (states.some((state) => state !== undefined && !isFinal(state))) return undefined;
  const ends = ["fallen_back", "expired", "cancelled"] as const;
  return ends.find((end) => states.includes(end)) ?? "unknown";
}

// Returns the earliest acknowledgement on a channel that was acknowledged in time.
function firstAcknowledgement(id: string, channels: readonly string[], receipts: readonly Receipt[]): Acknowledgement | undefined {
  return receipts
    .filter((receipt) => receipt.state === "acknowledged" && channels.includes(receipt.channel))
    .flatMap(({ channel, acknowledged }) => acknowledged.map((device) => ({ id, channel, ...device })))
    .sort((a, b) => a.at - b.at)[0];
}
