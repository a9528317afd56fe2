// The names of everything in Redis. All keys of a channel share a hash tag, so that they live in one slot of a Cluster
// and one script may touch them all.

import { isConnection } from "./channel.js";
import { splitConnectionId } from "./connection.js";

/** How many parts timers, and what follows from them, are spread over. */
export const SHARDS = 8;

const PREFIX = /^[a-zA-Z0-9_.-]{1,32}$/;

/** The part of an event, or of a user's inbox, by the FNV-1a hash of the id. */
export function shardOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(id)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % SHARDS;
}

/** All parts. */
export function shards(): number[] {
  return Array.from({ length: SHARDS }, (_, shard) => shard);
}

/** Can it be what all keys begin with? */
export function isPrefix(text: string): boolean {
  return PREFIX.test(text);
}

/** What is written before waiting for a replica, so that there is something to wait for: in the slot of this key. */
export function barrier(beside: string): string {
  return `${beside.slice(0, beside.indexOf("}") + 1) || beside}:barrier`;
}

/** Names that begin with `prefix:`. */
export class Keys {
  readonly #prefix: string;

  constructor(prefix = "wb") {
    this.#prefix = prefix;
  }

  /** The Stream that is the channel's log. */
  log(channel: string): string {
    return this.#of(channel, "log");
  }

  /** The cursor of the channel's last event, and the version of its last retained value. */
  end(channel: string): string {
    return this.#of(channel, "end");
  }

  /** Where the outcome of an event id is remembered, so that publishing it again changes nothing. */
  seen(channel: string, eventId: string): string {
    return `${this.#of(channel, "seen")}:${eventId}`;
  }

  /** The channel's retained values, a hash. */
  retained(channel: string): string {
    return this.#of(channel, "retained");
  }

  /** What became of an event on the channel, a hash. */
  record(channel: string, eventId: string): string {
    return `${this.#of(channel, "record")}:${eventId}`;
  }

  /** The cursors of the channel's events that wait for acknowledgements, a Stream. */
  watched(channel: string): string {
    return this.#of(channel, "watched");
  }

  /** The sharded pub/sub channel on which events of the channel are announced. */
  announce(channel: string): string {
    return isConnection(channel) ? this.announceTo(channel.slice("conn:".length)) : `${this.#prefix}:{${channel}}:announce`;
  }

  /** The timers of a shard, a sorted set. */
  timers(shard: number): string {
    return this.#due(shard, "timers");
  }

  /** Where the events of a shard go that nobody has acknowledged by their deadline, a Stream. */
  fallback(shard: number): string {
    return this.#due(shard, "fallback");
  }

  /** What a service could not take over in several tries, a Stream. */
  deadLetters(shard: number): string {
    return this.#due(shard, "dead");
  }

  /** What became of the events of a shard, a Stream. */
  receipts(shard: number): string {
    return this.#due(shard, "receipts");
  }

  /** What has fallen back of late, a sorted set. */
  fallen(shard: number): string {
    return this.#due(shard, "fallen");
  }

  /** The channels of an event that has a record, a set: the event is known by its id only. */
  channels(eventId: string): string {
    return `${this.#due(shardOf(eventId), "channels")}:${eventId}`;
  }

  /** What clients have emitted, a Stream. A user's events are in the shard of the user's id. */
  inbox(shard: number): string {
    return this.#inbox(shard, "events");
  }

  /** What a service could not handle in several tries, a Stream. */
  inboxDead(shard: number): string {
    return this.#inbox(shard, "dead");
  }

  /** What is remembered of an id that a user's client has given to an event, a hash. */
  emitted(shard: number, user: string, eventId: string): string {
    return `${this.#inbox(shard, "seen")}:${user} ${eventId}`;
  }

  /** The sharded pub/sub channel on which a node hears of its connections. */
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
