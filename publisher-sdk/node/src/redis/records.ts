// Records in Redis: what became of an event, and cancelling what has not been published yet.

import { Failure } from "../failure.js";
import { parseAlarm } from "../protocol/alarm.js";
import * as calls from "../protocol/calls.js";
import { channelError } from "../protocol/channel.js";
import { type Receipt, type State, readRecord } from "../protocol/receipt.js";
import type { Cancelled } from "../transport.js";
import type { RedisBus } from "./bus.js";
import { about, call } from "./routes.js";

// The fields of a record that say where its event stands. The others may be many, or as large as the event.
const STANDING = ["answer", "deliver_at", "fallen", "expired", "acked", "cancelled"];

// For how many seconds a note outlives a record that has gone.
const NOTE_SECONDS = "3600";

/** Where the event stands on each of these channels; undefined where there is no record. */
export async function states(bus: RedisBus, id: string, channels: readonly string[]): Promise<(State | undefined)[] | Failure> {
  const answers = await bus.askAll(channels.map((channel) => about("HMGET", bus.keys.record(channel, id), ...STANDING)));
  if (answers instanceof Failure) return answers;
  return channels.map((channel, index) => {
    const values = list(answers[index]);
    const fields = STANDING.flatMap((name, at) => (typeof values[at] === "string" ? [[name, values[at]] as const] : []));
    return readRecord(channel, new Map(fields))?.state;
  });
}

/** What became of the event on each of its channels that has a record. */
export async function receipts(bus: RedisBus, id: string): Promise<Receipt[] | Failure> {
  const channels = await channelsOf(bus, id);
  if (channels instanceof Failure) return channels;
  const answers = await bus.askAll(channels.map((channel) => about("HGETALL", bus.keys.record(channel, id))));
  if (answers instanceof Failure) return answers;
  return channels.flatMap((channel, index) => readRecord(channel, pairs(answers[index])) ?? []);
}

/** Cancels the event on all of its channels. Doing it twice is doing it once. */
export async function cancel(bus: RedisBus, id: string): Promise<Cancelled | Failure> {
  const channels = await channelsOf(bus, id);
  if (channels instanceof Failure) return channels;
  const answers = await bus.askAll(channels.map((channel) => call(calls.cancel(bus.keys, channel, id))));
  if (answers instanceof Failure) return answers;
  for (const [index, channel] of channels.entries()) {
    const failure = answers[index] === "cancelled" ? await attend(bus, channel, id) : undefined;
    if (failure !== undefined) return failure;
  }
  if (answers.includes("published")) return "published";
  return answers.includes("cancelled") ? "cancelled" : "unknown";
}

// Has told at once what would be told when the timer goes off.
async function attend(bus: RedisBus, channel: string, id: string): Promise<Failure | undefined> {
  const answer = await bus.askOne(call(calls.alarm(bus.keys, channel, id)));
  if (answer instanceof Failure) return answer;
  const alarm = parseAlarm(answer);
  if (alarm === undefined) return Failure.unexpected("the alarm script answered something else");
  const told = await bus.askOne(call(calls.finish(bus.keys, channel, id, alarm)));
  if (told instanceof Failure) return told;
  if (told !== 1) return undefined;
  const record = bus.keys.record(channel, id);
  const noted = await bus.askAll([about("HSET", record, "told", "1"), about("EXPIRE", record, NOTE_SECONDS, "NX")]);
  return noted instanceof Failure ? noted : undefined;
}

// The channels on which the event may have a record, in the order of their names.
async function channelsOf(bus: RedisBus, id: string): Promise<string[] | Failure> {
  const answer = await bus.askOne(about("SMEMBERS", bus.keys.channels(id)));
  if (answer instanceof Failure) return answer;
  return list(answer)
    .filter((name): name is string => typeof name === "string" && channelError(name) === undefined)
    .sort();
}

/** A list, or an empty one. */
export function list(answer: unknown): unknown[] {
  return Array.isArray(answer) ? answer : [];
}

/** A list of names and values in turn. */
export function pairs(answer: unknown): Map<string, string> {
  const words = list(answer);
  const found = new Map<string, string>();
  for (let at = 0; at + 1 < words.length; at += 2) found.set(String(words[at]), String(words[at + 1]));
  return found;
}
