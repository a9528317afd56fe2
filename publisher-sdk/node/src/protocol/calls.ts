// The scripts' calls: their keys, their arguments and their answers, for any Redis client. The scripts themselves are
// those of the protocol: see `build/scripts.mjs`.

import type { ScriptName } from "../generated.js";
import type { Class } from "./event.js";
import { type Keys, shardOf } from "./keys.js";
import type { Prepared } from "./prepared.js";
import type { Retention } from "./retention.js";
import { parseCursor } from "./cursor.js";
import type { Alarm } from "./alarm.js";

/** The keys and arguments of one call. All keys are in one slot. */
export interface Call {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  readonly arguments: readonly string[];
}

/** What the bus did with an event. */
export interface Accepted {
  /** Its place in the log; none for what is not stored. */
  readonly cursor: string | undefined;
  /** How many nodes listened. */
  readonly nodes: number;
  /** The id was seen before: nothing was done, and this is what the first time answered. */
  readonly again: boolean;
  /** It is kept until its time has come, and was not published yet. */
  readonly scheduled: boolean;
}

const LETTERS: Record<Class, string> = { durable: "d", retained: "r", volatile: "v" };
const NUMBER = /^\d+$/;

/** Publishes the event, or schedules it. If it has to be tracked, {@link register} comes before. */
export function publish(keys: Keys, event: Prepared, retention: Retention): Call {
  const deliverAt = event.tracking?.deliverAt;
  const call = { keys: publishKeys(keys, event), arguments: publishArguments(event, retention) };
  if (deliverAt === undefined) return { script: "publish", ...call };
  return { script: "schedule", keys: call.keys, arguments: [...call.arguments, String(deliverAt)] };
}

/** Of an event that is neither retained nor tracked, four keys and eight arguments, since most are neither. */
function isPlain(event: Prepared): boolean {
  return event.class !== "retained" && event.tracking === undefined;
}

function publishKeys(keys: Keys, event: Prepared): string[] {
  const { channel, id } = event;
  return isPlain(event) ? allKeys(keys, channel, id).slice(0, 4) : allKeys(keys, channel, id);
}

function allKeys(keys: Keys, channel: string, id: string): string[] {
  return [
    keys.log(channel),
    keys.seen(channel, id),
    keys.announce(channel),
    keys.end(channel),
    keys.retained(channel),
    keys.record(channel, id),
    keys.watched(channel),
  ];
}

function publishArguments(event: Prepared, retention: Retention): string[] {
  const number = (value: number | undefined) => (value === undefined ? "" : String(value));
  const plain = [
    LETTERS[event.class],
    event.channel,
    event.head,
    event.tail,
    number(event.ttlMillis),
    String(retention.logEvents),
    String(retention.logMillis),
    String(retention.seenMillis),
  ];
  if (isPlain(event)) return plain;
  const tracking = event.tracking;
  const deadline = tracking?.deadlineMillis;
  // A receipt that was waited for in vain is kept for as long again, to be asked for.
  const closes = event.ttlMillis ?? retention.receiptMillis;
  const kept = Math.max(closes, deadline ?? 0) + retention.receiptMillis;
  return [
    ...plain,
    tracking === undefined ? "" : event.id,
    tracking?.watched ? "w" : "",
    number(deadline),
    String(closes),
    String(kept),
    tracking?.source ?? "",
    event.key,
    String(retention.retainedKeys),
    String(retention.retainedMillis),
  ];
}

/** What publishing answered; undefined where that is something else. */
export function accepted(answer: unknown): Accepted | undefined {
  if (typeof answer !== "string") return undefined;
  const [word, cursor, nodes] = answer.split(" ");
  if (word !== "new" && word !== "again" && word !== "scheduled") return undefined;
  if (cursor === undefined || (cursor !== "-" && parseCursor(cursor) === undefined)) return undefined;
  if (nodes === undefined || !NUMBER.test(nodes)) return undefined;
  return {
    cursor: cursor === "-" ? undefined : cursor,
    nodes: Number(nodes),
    again: word === "again",
    scheduled: word === "scheduled",
  };
}

/** Sets the timer of an event that has to be tracked. */
export function register(keys: Keys, event: Prepared, retention: Retention): Call | undefined {
  const tracking = event.tracking;
  if (tracking === undefined) return undefined;
  const shard = shardOf(event.id);
  const closes = event.ttlMillis ?? retention.receiptMillis;
  const delay = tracking.deadlineMillis ?? closes;
  return {
    script: "register",
    keys: [keys.timers(shard), keys.channels(event.id), keys.fallen(shard)],
    arguments: [
      timer(event.channel, event.id),
      event.channel,
      String(delay),
      tracking.deliverAt === undefined ? "" : String(tracking.deliverAt),
      String(Math.max(closes, delay) + retention.receiptMillis),
    ],
  };
}

/** Cancels a scheduled event on one channel. */
export function cancel(keys: Keys, channel: string, id: string): Call {
  return { script: "cancel", keys: [keys.record(channel, id)], arguments: [] };
}

/** Asks the record of a timer's event what is due. */
export function alarm(keys: Keys, channel: string, id: string): Call {
  return { script: "alarm", keys: allKeys(keys, channel, id), arguments: [] };
}

/** Finishes with a timer, as the record said. */
export function finish(keys: Keys, channel: string, id: string, alarm: Alarm): Call {
  const shard = shardOf(id);
  return {
    script: "finish",
    keys: [keys.timers(shard), keys.fallback(shard), keys.receipts(shard), keys.fallen(shard)],
    arguments: [alarm.is, timer(channel, id), String(alarm.at), alarm.what, id, channel, alarm.frame],
  };
}

function timer(channel: string, id: string): string {
  return `${channel} ${id}`;
}
