// The Streams in which it is told what became of events, which events have fallen back, and what clients emit, read by
// consumer groups: one Stream a shard, all of them asked together, again and again. Nothing blocks a connection, so that
// what else goes over it goes on; and an answer that does not come is noticed like any other.

import { Failure } from "../failure.js";
import { shards } from "../protocol/keys.js";
import type { RedisBus } from "./bus.js";
import type { Reply } from "./connection.js";
import { list, pairs } from "./records.js";
import { type Request, about, call } from "./routes.js";

// Most dead letters that a shard keeps.
const MOST_DEAD = 1_000_000;
// Most idle entries that are looked at in one shard at once.
const MOST_IDLE = 100;
// Most entries of this worker that are looked at in one shard at once: as many as it may have in its hand.
const MOST_OWN = 1_000;

/** Which Streams. */
export type Kind = "fallback" | "receipts" | "inbox";

/** Has this worker that entry of that shard in its hand? */
export type IsInFlight = (shard: number, id: string) => boolean;

/** An entry of a Stream that this worker has in its hand. */
export interface Entry {
  readonly shard: number;
  readonly id: string;
  readonly fields: ReadonlyMap<string, string>;
  /** How often it was handed to somebody. */
  readonly tries: number;
}

/** Entries that are this worker's now, and the first failure of a shard that could not be asked. */
export interface ClaimedEntries {
  readonly entries: readonly Entry[];
  readonly failure: Failure | undefined;
}

/** How much waits in one shard. */
export interface ShardBacklog {
  readonly lag: number | undefined;
  readonly pending: number;
  readonly dead: number;
}

/** A consumer group on the Streams of all shards, and this worker in it. */
export class Group {
  readonly #bus: RedisBus;
  readonly #kind: Kind;
  readonly #worker: string;
  /** The group's name. */
  readonly name: string;

  constructor(bus: RedisBus, kind: Kind, name: string, worker: string) {
    this.#bus = bus;
    this.#kind = kind;
    this.name = name;
    this.#worker = worker;
  }

  /** Makes the group where there is none, with everything that stands in the Streams before it. */
  async open(): Promise<Failure | undefined> {
    const requests = shards().map((shard) => {
      const key = this.#key(shard);
      return { key, words: ["XGROUP", "CREATE", key, this.name, "0", "MKSTREAM"] };
    });
    const answers = await this.#bus.ask(requests);
    return answers.find((answer): answer is Failure => answer instanceof Failure && !answer.hasCode("BUSYGROUP"));
  }

  /** Takes up to `most` new entries of each shard. */
  async read(most: number): Promise<ClaimedEntries> {
    const requests = shards().map((shard) => {
      const key = this.#key(shard);
      return { key, words: ["XREADGROUP", "GROUP", this.name, this.#worker, "COUNT", String(most), "STREAMS", key, ">"] };
    });
    const answers = await this.#bus.ask(requests);
    return taken(answers, (answer, shard) => list(list(list(answer)[0])[1]).map((row) => entry(shard, row, 1)));
  }

  /** Takes entries over that nobody has attended to for so long: whoever had them is gone. Not those that are held. */
  takeOver(idle: number, isInFlight: IsInFlight): Promise<ClaimedEntries> {
    return this.#claim(["IDLE", String(idle), "-", "+", String(MOST_IDLE)], idle, isInFlight);
  }

  /** Takes what is this worker's by Redis' word and that it does not hold, as after an answer that never came. */
  mislaid(isInFlight: IsInFlight): Promise<ClaimedEntries> {
    return this.#claim(["-", "+", String(MOST_OWN), this.#worker], 0, isInFlight);
  }

  // Takes those that are found, if they have been idle for so long.
  async #claim(which: readonly string[], idle: number, isInFlight: IsInFlight): Promise<ClaimedEntries> {
    const found = await this.#bus.ask(shards().map((shard) => about("XPENDING", this.#key(shard), this.name, ...which)));
    const tries = shards().map((shard) => {
      const rows = list(found[shard]).map((row) => list(row) as [string, string, number, number]);
      return new Map(rows.filter(([id]) => !isInFlight(shard, id)).map(([id, , , tries]) => [id, tries]));
    });
    const wanted = shards().filter((shard) => tries[shard]?.size);
    const claims = wanted.map((shard) =>
      about("XCLAIM", this.#key(shard), this.name, this.#worker, String(idle), ...(tries[shard]?.keys() ?? [])),
    );
    const claimed = claims.length === 0 ? [] : await this.#bus.ask(claims);
    const { entries, failure } = taken(claimed, (answer, at) => {
      const shard = wanted[at] ?? 0;
      // What has been deleted from the Stream meanwhile is nothing.
      const rows = list(answer).filter((row) => row !== null);
      return rows.map((row) => entry(shard, row, 1 + (tries[shard]?.get(String(list(row)[0])) ?? 0)));
    });
    return { entries, failure: firstFailure(found) ?? failure };
  }

  /** These are still being attended to. */
  async keep(held: readonly Entry[]): Promise<Failure | undefined> {
    const requests = byShard(held).map(([shard, ids]) => script("keep", [this.#key(shard)], this.name, this.#worker, ...ids));
    return failed(await this.#bus.askAll(requests));
  }

  /** These are done with. */
  async done(entries: readonly Entry[]): Promise<Failure | undefined> {
    const requests = byShard(entries).map(([shard, ids]) => about("XACK", this.#key(shard), this.name, ...ids));
    return failed(await this.#bus.askAll(requests));
  }

  /** It is tried once more, by this worker. */
  again(entry: Entry): Promise<Failure | undefined> {
    return this.set(entry, 0, entry.tries);
  }

  /** It is anybody's once it has been idle for long enough; it counts as having been so for `idle` milliseconds. */
  async set({ shard, id }: Entry, idle: number, tries: number): Promise<Failure | undefined> {
    const words = ["IDLE", String(Math.max(0, Math.round(idle))), "RETRYCOUNT", String(tries), "JUSTID"];
    const answer = await this.#bus.askOne(about("XCLAIM", this.#key(shard), this.name, this.#worker, "0", id, ...words));
    return answer instanceof Failure ? answer : undefined;
  }

  /** It goes to the dead letters, once, and is done with. */
  async bury({ shard, id, fields, tries }: Entry, reason: string): Promise<Failure | undefined> {
    const keys = [this.#key(shard), this.#dead(shard)];
    const told = ["group", this.name, "tries", String(tries), "reason", reason, ...[...fields].flat()];
    const answer = await this.#bus.askOne(script("bury", keys, this.name, id, String(MOST_DEAD), ...told));
    return answer instanceof Failure ? answer : undefined;
  }

  /** This worker takes no part any more, unless something is still in its hand. */
  async leave(): Promise<Failure | undefined> {
    return failed(await this.#bus.askAll(shards().map((shard) => script("leave", [this.#key(shard)], this.name, this.#worker))));
  }

  /** What the group has not read yet, what its workers have in their hands, and the dead letters, shard by shard. */
  async backlog(): Promise<ShardBacklog[] | Failure> {
    const groups = await this.#bus.askAll(shards().map((shard) => ({ key: this.#key(shard), words: ["XINFO", "GROUPS", this.#key(shard)] })));
    if (groups instanceof Failure) return groups;
    const dead = await this.#bus.askAll(shards().map((shard) => about("XLEN", this.#dead(shard))));
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
    return streamOf(this.#bus, this.#kind, shard);
  }

  #dead(shard: number): string {
    const { keys } = this.#bus;
    return this.#kind === "inbox" ? keys.inboxDead(shard) : keys.deadLetters(shard);
  }
}

/** Where the Streams end now, shard by shard. */
export async function ends(bus: RedisBus, kind: Kind): Promise<string[] | Failure> {
  const last = (shard: number) => about("XREVRANGE", streamOf(bus, kind, shard), "+", "-", "COUNT", "1");
  const rows = await bus.askAll(shards().map(last));
  return rows instanceof Failure ? rows : rows.map((row) => String(list(list(row)[0])[0] ?? "0-0"));
}

/** Up to `most` entries of each shard behind these ends. */
export async function entriesAfter(bus: RedisBus, kind: Kind, ends: readonly string[], most: number): Promise<Entry[] | Failure> {
  const next = (shard: number) => about("XRANGE", streamOf(bus, kind, shard), `(${ends[shard]}`, "+", "COUNT", String(most));
  const rows = await bus.askAll(shards().map(next));
  if (rows instanceof Failure) return rows;
  return shards().flatMap((shard) => list(rows[shard]).map((row) => entry(shard, row, 1)));
}

function streamOf({ keys }: RedisBus, kind: Kind, shard: number): string {
  if (kind === "inbox") return keys.inbox(shard);
  return kind === "fallback" ? keys.fallback(shard) : keys.receipts(shard);
}

function entry(shard: number, row: unknown, tries: number): Entry {
  const [id, fields] = list(row);
  return { shard, id: String(id), fields: pairs(fields), tries };
}

// What the shards that answered have handed over.
function taken(answers: readonly Reply[], read: (answer: Reply, at: number) => Entry[]): ClaimedEntries {
  const entries = answers.flatMap((answer, at) => (answer instanceof Failure ? [] : read(answer, at)));
  return { entries, failure: firstFailure(answers) };
}

function firstFailure(answers: readonly Reply[]): Failure | undefined {
  return answers.find((answer): answer is Failure => answer instanceof Failure);
}

function script(name: "keep" | "bury" | "leave", keys: readonly string[], ...words: string[]): Request {
  return call({ script: name, keys, arguments: words });
}

function byShard(entries: readonly Entry[]): [number, string[]][] {
  const sorted = new Map<number, string[]>();
  for (const { shard, id } of entries) sorted.set(shard, [...(sorted.get(shard) ?? []), id]);
  return [...sorted];
}

function fieldsOf(answer: unknown): Map<string, unknown> {
  const words = list(answer);
  return new Map(words.flatMap((name, at) => (at % 2 === 0 ? [[String(name), words[at + 1]] as const] : [])));
}

function failed(answers: unknown): Failure | undefined {
  return answers instanceof Failure ? answers : undefined;
}
