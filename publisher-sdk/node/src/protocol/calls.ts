// The calls of the Lua scripts: their keys, their arguments and their replies, for any Redis
// client. `build/scripts.mjs` copies the scripts from the protocol.

import type { ScriptName } from "../generated.js";
import type { Class } from "./event.js";
import { type Keys, shardOf } from "./keys.js";
import type { Prepared } from "./prepared.js";
import type { Retention } from "./retention.js";
import { parseCursor } from "./cursor.js";
import type { Alarm } from "./alarm.js";

/** The keys and arguments of one script call. All keys are in one slot. */
export interface Call {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  readonly arguments: readonly string[];
}

/** The result of publishing an event on one channel. */
export interface Accepted {
  /** Its position in the log; undefined if the event is not stored. */
  readonly cursor: string | undefined;
  /** How many nodes had subscribers. */
  readonly nodes: number;
  /** The id was published before: nothing was done, and this is the earlier result. */
  readonly again: boolean;
  /** The event is scheduled and not published yet. */
  readonly scheduled: boolean;
}

const LETTERS: Record<Class, string> = { durable: "d", retained: "r", volatile: "v" };
const NUMBER = /^\d+$/;

/** Publishes or schedules the event. A tracked event needs {@link register} first. */
export function publish(keys: Keys, event: Prepared, retention: Retention): Call {
  const deliverAt = event.tracking?.deliverAt;
  const call = { keys: publishKeys(keys, event), arguments: publishArguments(event, retention) };
  if (deliverAt === undefined) return { script: "publish", ...call };
  return { script: "schedule", keys: call.keys, arguments: [...call.arguments, String(deliverAt)] };
}

// Whether four keys and eight arguments suffice: for events that are neither retained nor tracked,
// which most are.
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
    keys.tracked(channel),
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
  // A receipt of an event without an acknowledgement is kept for the same time again, so that it
  // can be queried.
  const closes = event.ttlMillis ?? retention.receiptMillis;
  const kept = Math.max(closes, deadline ?? 0) + retention.receiptMillis;
  return [
    ...plain,
    tracking === undefined ? "" : event.id,
    tracking?.tracked ? "w" : "",
    number(deadline),
    String(closes),
    String(kept),
    tracking?.source ?? "",
    event.key,
    String(retention.retainedKeys),
    String(retention.retainedMillis),
  ];
}

/** Reads the reply of the publish script; undefined if it is invalid. */
export function accepted(reply: unknown): Accepted | undefined {
  if (typeof reply !== "string") return undefined;
  const [word, cursor, nodes] = reply.split(" ");
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

/** Registers the timer of a tracked event. */
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

/** Queries what is due for an event's timer. */
export function alarm(keys: Keys, channel: string, id: string): Call {
  return { script: "alarm", keys: allKeys(keys, channel, id), arguments: [] };
}

/** Finishes a timer with what the record says is due. */
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
