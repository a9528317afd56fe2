// The names of all Redis keys. All keys of a channel share a hash tag, so that they are in one slot
// of a Cluster and one script may use them together.

import { isConnection } from "./channel.js";
import { splitConnectionId } from "./connection.js";

/** The number of shards of timers, receipts, fallback events and the inbox. */
export const SHARDS = 8;

const PREFIX = /^[a-zA-Z0-9_.-]{1,32}$/;

/** Returns the shard of an event id or a user id, by its FNV-1a hash. */
export function shardOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(id)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % SHARDS;
}

/** Returns all shards. */
export function shards(): number[] {
  return Array.from({ length: SHARDS }, (_, shard) => shard);
}

/** Returns whether the text is a valid key prefix. */
export function isPrefix(text: string): boolean {
  return PREFIX.test(text);
}

/**
 * Returns a key in the slot of the given key. It is written before `WAIT`, so that `WAIT` has a
 * write to wait for.
 */
export function barrier(beside: string): string {
  return `${beside.slice(0, beside.indexOf("}") + 1) || beside}:barrier`;
}

/** The key names under one prefix. */
export class Keys {
  readonly #prefix: string;

  constructor(prefix = "wb") {
    this.#prefix = prefix;
  }

  /** The channel's log, a stream. */
  log(channel: string): string {
    return this.#of(channel, "log");
  }

  /** The channel's last cursor, and the version of its last retained value. */
  end(channel: string): string {
    return this.#of(channel, "end");
  }

  /** The publish result of an event id, so that publishing it again has no effect. */
  seen(channel: string, eventId: string): string {
    return `${this.#of(channel, "seen")}:${eventId}`;
  }

  /** The channel's retained values, a hash. */
  retained(channel: string): string {
    return this.#of(channel, "retained");
  }

  /** The delivery record of an event on the channel, a hash. */
  record(channel: string, eventId: string): string {
    return `${this.#of(channel, "record")}:${eventId}`;
  }

  /** The cursors of the channel's events that wait for acknowledgements, a stream. */
  tracked(channel: string): string {
    return this.#of(channel, "watched");
  }

  /** The sharded pub/sub channel that announces events of the channel. */
  announce(channel: string): string {
    return isConnection(channel) ? this.announceTo(channel.slice("conn:".length)) : `${this.#prefix}:{${channel}}:announce`;
  }

  /** The timers of a shard, a sorted set. */
  timers(shard: number): string {
    return this.#due(shard, "timers");
  }

  /** The fallback stream of a shard: events that no device acknowledged by their deadline. */
  fallback(shard: number): string {
    return this.#due(shard, "fallback");
  }

  /** The dead letters of the fallback stream, a stream. */
  deadLetters(shard: number): string {
    return this.#due(shard, "dead");
  }

  /** The receipts of a shard, a stream. */
  receipts(shard: number): string {
    return this.#due(shard, "receipts");
  }

  /** The recent fallback events, a sorted set. */
  fallen(shard: number): string {
    return this.#due(shard, "fallen");
  }

  /** The channels on which an event has a delivery record, a set. It allows a lookup by id only. */
  channels(eventId: string): string {
    return `${this.#due(shardOf(eventId), "channels")}:${eventId}`;
  }

  /** The inbox of a shard, a stream of client events. The user id selects the shard. */
  inbox(shard: number): string {
    return this.#inbox(shard, "events");
  }

  /** The dead letters of the inbox, a stream. */
  inboxDead(shard: number): string {
    return this.#inbox(shard, "dead");
  }

  /** What is stored for an event id that a client chose, a hash. */
  emitted(shard: number, user: string, eventId: string): string {
    return `${this.#inbox(shard, "seen")}:${user} ${eventId}`;
  }

  /** The sharded pub/sub channel of the node that has the connection. */
  announceTo(connection: string): string {
    return `${this.#prefix}:{node:${splitConnectionId(connection)[0]}}:announce`;
  }

  #of(channel: string, what: string): string {
    if (!isConnection(channel)) return `${this.#prefix}:{${channel}}:${what}`;
    const [node, number] = splitConnectionId(channel.slice("conn:".length));
    return `${this.#prefix}:{node:${node}}:${what}:${number}`;
  }

  #inbox(shard: number, what: string): string {
    return `${this.#prefix}:{inbox:${shard}}:${what}`;
  }

  #due(shard: number, what: string): string {
    return `${this.#prefix}:{due:${shard}}:${what}`;
  }
}
