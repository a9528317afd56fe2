// Waiting for an acknowledgement.

import { NotAcknowledgedError, TimedOutError } from "./errors.js";
import { Failure } from "./failure.js";
import { type Receipt, type State, isFinal } from "./protocol/receipt.js";
import { TIMEOUT, sleep, withDeadline } from "./retry.js";
import type { Transport } from "./transport.js";

/** A device has acknowledged an event. */
export interface Acknowledgement {
  /** The event's id. */
  id: string;
  /** On which of its channels. */
  channel: string;
  /** Which device, as its token names it; the connection's id where it names none. */
  device: string;
  /** Over which connection. */
  connection: string;
  /** When, in milliseconds since the Unix epoch, by the bus' clock. */
  at: number;
}

// Between two looks, at least and at most.
const PAUSES = [10, 500] as const;
// Longest time that a node is asked to wait; it bounds how long a connection is held.
const LONGEST_ROUND = 25_000;
// A look that begins in time may end so much later.
const LAST_LOOK = 1_000;

/** Waits for the first acknowledgement on any of the channels. @throws NotAcknowledgedError */
export async function acknowledgement(
  transport: Transport,
  id: string,
  channels: readonly string[],
  timeout: number,
): Promise<Acknowledgement> {
  const begun = Date.now();
  const end = begun + timeout;
  for (;;) {
    const found = await withDeadline(end + LAST_LOOK, look(transport, id, channels, patience(end, channels)));
    if (found !== TIMEOUT && found !== undefined && !(found instanceof Failure)) return found;
    if (found instanceof Failure && found.kind !== "transient") throw new NotAcknowledgedError("bus", found.error);
    const now = Date.now();
    if (now >= end) {
      if (found === undefined) throw new NotAcknowledgedError("not_in_time");
      throw new NotAcknowledgedError("bus", found === TIMEOUT ? new TimedOutError(timeout) : found.error);
    }
    const pause = Math.min(Math.max((now - begun) / 8, PAUSES[0]), PAUSES[1]);
    // Those who began together do not ask together.
    await sleep(Math.min(end - now, pause * (0.9 + Math.random() / 5)));
  }
}

// How long a node may wait for all channels to be settled. One of several may be acknowledged long before the others.
function patience(end: number, channels: readonly string[]): number {
  return Math.min(Math.max(0, end - Date.now()), channels.length === 1 ? LONGEST_ROUND : 1_000);
}

async function look(
  transport: Transport,
  id: string,
  channels: readonly string[],
  patience: number,
): Promise<Acknowledgement | Failure | undefined> {
  const states = await transport.states(id, channels, patience);
  if (states instanceof Failure) return states;
  const end = judge(states);
  if (end === undefined) return undefined;
  if (end !== "acknowledged") throw new NotAcknowledgedError(end);
  // The record's details are read once it has come to that: they may be many.
  const receipts = await transport.receipts(id);
  return receipts instanceof Failure ? receipts : first(id, channels, receipts);
}

/** What the states of all channels come to, once they come to anything. */
export function judge(states: readonly (State | undefined)[]): "acknowledged" | "fallen_back" | "expired" | "cancelled" | "unknown" | undefined {
  if (states.includes("acknowledged")) return "acknowledged";
  if (states.some((state) => state !== undefined && !isFinal(state))) return undefined;
  const ends = ["fallen_back", "expired", "cancelled"] as const;
  return ends.find((end) => states.includes(end)) ?? "unknown";
}

// The first acknowledgement that came in time.
function first(id: string, channels: readonly string[], receipts: readonly Receipt[]): Acknowledgement | undefined {
  return receipts
    .filter((receipt) => receipt.state === "acknowledged" && channels.includes(receipt.channel))
    .flatMap(({ channel, acknowledged }) => acknowledged.map((device) => ({ id, channel, ...device })))
    .sort((a, b) => a.at - b.at)[0];
}
