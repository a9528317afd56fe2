// Delivery records in Redis: reads the delivery status of an event, and cancels scheduled events.

import { Failure } from "../failure.js";
import { parseAlarm } from "../protocol/alarm.js";
import * as calls from "../protocol/calls.js";
import { channelError } from "../protocol/channel.js";
import { type Receipt, type State, readRecord } from "../protocol/receipt.js";
import type { Cancelled } from "../transport.js";
import type { RedisClient } from "./client.js";
import { command, scriptCall } from "./routes.js";

// The fields of a record that give the event's state. Other fields may be many, or as large as the
// event.
const STATE_FIELDS = ["answer", "deliver_at", "fallen", "expired", "acked", "cancelled"];

// How many seconds the `told` field outlives a record that is gone.
const TOLD_SECONDS = "3600";

/** Returns the event's state on each of these channels; undefined where there is no record. */
export async function states(client: RedisClient, id: string, channels: readonly string[]): Promise<(State | undefined)[] | Failure> {
  const replies = await client.requestAll(channels.map((channel) => command("HMGET", client.keys.record(channel, id), ...STATE_FIELDS)));
  if (replies instanceof Failure) return replies;
  return channels.map((channel, index) => {
    const values = list(replies[index]);
    const fields = STATE_FIELDS.flatMap((name, at) => (typeof values[at] === "string" ? [[name, values[at]] as const] : []));
    return readRecord(channel, new Map(fields))?.state;
  });
}

/** Returns a receipt for each channel that has a record of the event. */
export async function receipts(client: RedisClient, id: string): Promise<Receipt[] | Failure> {
  const channels = await channelsOf(client, id);
  if (channels instanceof Failure) return channels;
  const replies = await client.requestAll(channels.map((channel) => command("HGETALL", client.keys.record(channel, id))));
  if (replies instanceof Failure) return replies;
  return channels.flatMap((channel, index) => readRecord(channel, pairs(replies[index])) ?? []);
}

/** Cancels the event on all of its channels. It is idempotent. */
export async function cancel(client: RedisClient, id: string): Promise<Cancelled | Failure> {
  const channels = await channelsOf(client, id);
  if (channels instanceof Failure) return channels;
  const replies = await client.requestAll(channels.map((channel) => scriptCall(calls.cancel(client.keys, channel, id))));
  if (replies instanceof Failure) return replies;
  for (const [index, channel] of channels.entries()) {
    const failure = replies[index] === "cancelled" ? await finishTimer(client, channel, id) : undefined;
    if (failure !== undefined) return failure;
  }
  if (replies.includes("published")) return "published";
  return replies.includes("cancelled") ? "cancelled" : "unknown";
}

// Writes the receipt of a cancelled event now, instead of when its timer is due.
async function finishTimer(client: RedisClient, channel: string, id: string): Promise<Failure | undefined> {
  const reply = await client.requestOne(scriptCall(calls.alarm(client.keys, channel, id)));
  if (reply instanceof Failure) return reply;
  const alarm = parseAlarm(reply);
  if (alarm === undefined) return Failure.unexpected("the alarm script returned an unknown result");
  const finished = await client.requestOne(scriptCall(calls.finish(client.keys, channel, id, alarm)));
  if (finished instanceof Failure) return finished;
  if (finished !== 1) return undefined;
  const record = client.keys.record(channel, id);
  const marked = await client.requestAll([command("HSET", record, "told", "1"), command("EXPIRE", record, TOLD_SECONDS, "NX")]);
  return marked instanceof Failure ? marked : undefined;
}

// Returns the channels on which the event may have a record, sorted by name.
async function channelsOf(client: RedisClient, id: string): Promise<string[] | Failure> {
  const reply = await client.requestOne(command("SMEMBERS", client.keys.channels(id)));
  if (reply instanceof Failure) return reply;
  return list(reply)
    .filter((name): name is string => typeof name === "string" && channelError(name) === undefined)
    .sort();
}

/** Returns the reply if it is a list; otherwise an empty one. */
export function list(reply: unknown): unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** Reads a list of alternating names and values. */
export function pairs(reply: unknown): Map<string, string> {
  const items = list(reply);
  const found = new Map<string, string>();
  for (let at = 0; at + 1 < items.length; at += 2) found.set(String(items[at]), String(items[at + 1]));
  return found;
}
