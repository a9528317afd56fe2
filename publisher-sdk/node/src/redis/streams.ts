// Redis Streams with receipts, fallback events or client events, read by consumer groups.
//
// There is one stream per shard, and all shards are polled together. No command blocks the
// connection: other requests continue, and a missing reply is noticed like any other.

import { Failure } from "../failure.js";
import { shards } from "../protocol/keys.js";
import type { RedisClient } from "./client.js";
import type { Reply } from "./connection.js";
import { list, pairs } from "./records.js";
import { type Request, command, scriptCall } from "./routes.js";

// Most dead letters in one shard.
const MAX_DEAD = 1_000_000;
// Most idle entries of one shard that one request lists.
const MAX_IDLE = 100;
// Most entries of this worker that one request lists per shard: as many as it may have leased.
const MAX_OWN = 1_000;

/** The kind of the streams. */
export type StreamKind = "fallback" | "receipts" | "inbox";

/** Whether this worker has leased the entry of that shard. */
export type IsLeased = (shard: number, id: string) => boolean;

/** A stream entry leased by this worker. */
export interface Entry {
  readonly shard: number;
  readonly id: string;
  readonly fields: ReadonlyMap<string, string>;
  /** The number of deliveries, including this one. */
  readonly tries: number;
}

/** Entries that this worker has claimed, and the first failure of a shard. */
export interface ClaimedEntries {
  readonly entries: readonly Entry[];
  readonly failure: Failure | undefined;
}

/** How many events wait in one shard. */
export interface ShardBacklog {
  readonly lag: number | undefined;
  readonly pending: number;
  readonly dead: number;
}

/** A consumer group on the streams of all shards, with this worker as a consumer. */
export class Group {
  readonly #client: RedisClient;
  readonly #kind: StreamKind;
  readonly #worker: string;
  /** The group's name. */
  readonly name: string;

  constructor(client: RedisClient, kind: StreamKind, name: string, worker: string) {
    this.#client = client;
    this.#kind = kind;
    this.name = name;
    this.#worker = worker;
  }

  /** Creates the group if it does not exist. A new group starts with the oldest stored entry. */
  async open(): Promise<Failure | undefined> {
    const requests = shards().map((shard) => {
      const key = this.#key(shard);
      return { key, args: ["XGROUP", "CREATE", key, this.name, "0", "MKSTREAM"] };
    });
    const replies = await this.#client.request(requests);
    return replies.find((reply): reply is Failure => reply instanceof Failure && !reply.hasCode("BUSYGROUP"));
  }

  /** Reads up to `most` new entries of each shard. */
  async read(most: number): Promise<ClaimedEntries> {
    const requests = shards().map((shard) => {
      const key = this.#key(shard);
      return { key, args: ["XREADGROUP", "GROUP", this.name, this.#worker, "COUNT", String(most), "STREAMS", key, ">"] };
    });
    const replies = await this.#client.request(requests);
    return collect(replies, (reply, shard) => list(list(list(reply)[0])[1]).map((row) => entry(shard, row, 1)));
  }

  /**
   * Claims entries that have been idle for `idle` milliseconds: their worker is gone. Skips entries
   * already leased here.
   */
  takeOver(idle: number, isLeased: IsLeased): Promise<ClaimedEntries> {
    return this.#claim(["IDLE", String(idle), "-", "+", String(MAX_IDLE)], idle, isLeased);
  }

  /**
   * Claims entries that Redis assigns to this worker but that it does not have, for example after a
   * lost reply.
   */
  claimOwn(isLeased: IsLeased): Promise<ClaimedEntries> {
    return this.#claim(["-", "+", String(MAX_OWN), this.#worker], 0, isLeased);
  }

  // Lists pending entries and claims those that have been idle for `idle` milliseconds.
  async #claim(which: readonly string[], idle: number, isLeased: IsLeased): Promise<ClaimedEntries> {
    const found = await this.#client.request(shards().map((shard) => command("XPENDING", this.#key(shard), this.name, ...which)));
    const tries = shards().map((shard) => {
      const rows = list(found[shard]).map((row) => list(row) as [string, string, number, number]);
      return new Map(rows.filter(([id]) => !isLeased(shard, id)).map(([id, , , tries]) => [id, tries]));
    });
    const wanted = shards().filter((shard) => tries[shard]?.size);
    const claims = wanted.map((shard) =>
      command("XCLAIM", this.#key(shard), this.name, this.#worker, String(idle), ...(tries[shard]?.keys() ?? [])),
    );
    const claimed = claims.length === 0 ? [] : await this.#client.request(claims);
    const { entries, failure } = collect(claimed, (reply, at) => {
      const shard = wanted[at] ?? 0;
      // Entries deleted in the meantime are null.
      const rows = list(reply).filter((row) => row !== null);
      return rows.map((row) => entry(shard, row, 1 + (tries[shard]?.get(String(list(row)[0])) ?? 0)));
    });
    return { entries, failure: firstFailure(found) ?? failure };
  }

  /** Renews the leases of these entries. */
  async renew(leased: readonly Entry[]): Promise<Failure | undefined> {
    const requests = byShard(leased).map(([shard, ids]) => script("keep", [this.#key(shard)], this.name, this.#worker, ...ids));
    return failed(await this.#client.requestAll(requests));
  }

  /** Acknowledges these entries. */
  async done(entries: readonly Entry[]): Promise<Failure | undefined> {
    const requests = byShard(entries).map(([shard, ids]) => command("XACK", this.#key(shard), this.name, ...ids));
    return failed(await this.#client.requestAll(requests));
  }

  /** Counts another attempt by this worker. */
  startAttempt(entry: Entry): Promise<Failure | undefined> {
    return this.setAttempt(entry, 0, entry.tries);
  }

  /**
   * Sets the idle time and the attempts of an entry. Another worker may take it over after enough
   * idle time.
   */
  async setAttempt({ shard, id }: Entry, idle: number, tries: number): Promise<Failure | undefined> {
    const args = ["IDLE", String(Math.max(0, Math.round(idle))), "RETRYCOUNT", String(tries), "JUSTID"];
    const reply = await this.#client.requestOne(command("XCLAIM", this.#key(shard), this.name, this.#worker, "0", id, ...args));
    return reply instanceof Failure ? reply : undefined;
  }

  /** Moves the entry to the dead letters, once, and acknowledges it. */
  async deadLetter({ shard, id, fields, tries }: Entry, reason: string): Promise<Failure | undefined> {
    const keys = [this.#key(shard), this.#dead(shard)];
    const fieldList = ["group", this.name, "tries", String(tries), "reason", reason, ...[...fields].flat()];
    const reply = await this.#client.requestOne(script("bury", keys, this.name, id, String(MAX_DEAD), ...fieldList));
    return reply instanceof Failure ? reply : undefined;
  }

  /** Removes this worker from the group, unless it still has leased entries. */
  async leave(): Promise<Failure | undefined> {
    return failed(await this.#client.requestAll(shards().map((shard) => script("leave", [this.#key(shard)], this.name, this.#worker))));
  }

  /** Returns the unread, the pending and the dead entries of each shard. */
  async backlog(): Promise<ShardBacklog[] | Failure> {
    const groups = await this.#client.requestAll(shards().map((shard) => ({ key: this.#key(shard), args: ["XINFO", "GROUPS", this.#key(shard)] })));
    if (groups instanceof Failure) return groups;
    const dead = await this.#client.requestAll(shards().map((shard) => command("XLEN", this.#dead(shard))));
    if (dead instanceof Failure) return dead;
    return shards().map((shard) => {
      const ours = list(groups[shard]).map(fieldsOf).find((group) => group.get("name") === this.name);
      const [lag, pending] = [ours?.get("lag"), ours?.get("pending")];
      return {
        lag: typeof lag === "number" ? lag : undefined,
        pending: typeof pending === "number" ? pending : 0,
        dead: Number(dead[shard]),
      };
    });
  }

  #key(shard: number): string {
    return streamOf(this.#client, this.#kind, shard);
  }

  #dead(shard: number): string {
    const { keys } = this.#client;
    return this.#kind === "inbox" ? keys.inboxDead(shard) : keys.deadLetters(shard);
  }
}

/** Returns the last entry id of each shard's stream. */
export async function streamEnds(client: RedisClient, kind: StreamKind): Promise<string[] | Failure> {
  const last = (shard: number) => command("XREVRANGE", streamOf(client, kind, shard), "+", "-", "COUNT", "1");
  const rows = await client.requestAll(shards().map(last));
  return rows instanceof Failure ? rows : rows.map((row) => String(list(list(row)[0])[0] ?? "0-0"));
}

/** Returns up to `most` entries of each shard after these ids. */
export async function entriesAfter(client: RedisClient, kind: StreamKind, after: readonly string[], most: number): Promise<Entry[] | Failure> {
  const next = (shard: number) => command("XRANGE", streamOf(client, kind, shard), `(${after[shard]}`, "+", "COUNT", String(most));
  const rows = await client.requestAll(shards().map(next));
  if (rows instanceof Failure) return rows;
  return shards().flatMap((shard) => list(rows[shard]).map((row) => entry(shard, row, 1)));
}

function streamOf({ keys }: RedisClient, kind: StreamKind, shard: number): string {
  if (kind === "inbox") return keys.inbox(shard);
  return kind === "fallback" ? keys.fallback(shard) : keys.receipts(shard);
}

function entry(shard: number, row: unknown, tries: number): Entry {
  const [id, fields] = list(row);
  return { shard, id: String(id), fields: pairs(fields), tries };
}

// Collects the entries of the shards that replied, and the first failure.
function collect(replies: readonly Reply[], read: (reply: Reply, at: number) => Entry[]): ClaimedEntries {
  const entries = replies.flatMap((reply, at) => (reply instanceof Failure ? [] : read(reply, at)));
  return { entries, failure: firstFailure(replies) };
}

function firstFailure(replies: readonly Reply[]): Failure | undefined {
  return replies.find((reply): reply is Failure => reply instanceof Failure);
}

function script(name: "keep" | "bury" | "leave", keys: readonly string[], ...args: string[]): Request {
  return scriptCall({ script: name, keys, arguments: args });
}

function byShard(entries: readonly Entry[]): [number, string[]][] {
  const sorted = new Map<number, string[]>();
  for (const { shard, id } of entries) sorted.set(shard, [...(sorted.get(shard) ?? []), id]);
  return [...sorted];
}

function fieldsOf(reply: unknown): Map<string, unknown> {
  const items = list(reply);
  return new Map(items.flatMap((name, at) => (at % 2 === 0 ? [[String(name), items[at + 1]] as const] : [])));
}

function failed(replies: unknown): Failure | undefined {
  return replies instanceof Failure ? replies : undefined;
}
