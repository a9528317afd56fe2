// The stream of receipts: the delivery status of all tracked events, for services that publish too
// many to wait for each.

import { Failure } from "./failure.js";
import { invalidOption, defined } from "./options.js";
import { channelError } from "./protocol/channel.js";
import { type State, parseState } from "./protocol/receipt.js";
import type { RedisBus } from "./redis/bus.js";
import { type Entry, Group, entriesAfter, streamEnds } from "./redis/streams.js";
import { Backoff, pause } from "./retry.js";
import { ulid } from "./stamp.js";

/** Options of {@link Publisher.follow}. */
export interface FollowOptions {
  /**
   * The consumer group. All readers with this name share the stream: each receipt goes to one of
   * them, at least once, and after a restart the group resumes where it stopped. A new group starts
   * with the oldest stored receipt. Without a group, a reader gets new receipts only, and misses
   * those that are written while it is not running.
   */
  group?: string | undefined;
  /** Returns only matching receipts. A group acknowledges the others. */
  only?: ((update: DeliveryUpdate) => boolean) | undefined;
}

/**
 * The final delivery status of an event on one channel: acknowledged, fallen back, expired or
 * cancelled.
 */
export interface DeliveryUpdate {
  /** The event's id. */
  id: string;
  channel: string;
  outcome: State;
  /** The time of the change, in milliseconds since the Unix epoch, by the bus's clock. */
  at: number;
}

// The pause between two polls that find nothing, in milliseconds.
const POLL_EVERY = 100;
// Most entries of one shard that one poll takes.
const MAX_PER_SHARD = 100;
// A reader without a sign of life for this long is gone.
const GONE_AFTER = 60_000;
const LONGEST_WAIT = 2_000;

interface Source {
  read(): Promise<Entry[] | Failure>;
  done(entries: readonly Entry[]): Promise<Failure | undefined>;
}

/** The stream of receipts as an async iterator. See {@link Publisher.follow}. */
export class Receipts implements AsyncIterableIterator<DeliveryUpdate> {
  readonly #source: Source;
  readonly #only: (update: DeliveryUpdate) => boolean;
  readonly #signal: AbortSignal;
  readonly #ended = new AbortController();
  #waiting: [Entry, DeliveryUpdate][] = [];
  // Receipts returned to the caller. The next call of `next` acknowledges them.
  #handedOut: Entry[] = [];
  // Concurrent calls of `next` run one after the other.
  #previous: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(bus: RedisBus, options: FollowOptions, closing: AbortSignal) {
    const { group, only } = defined(options, ["group", "only"]);
    if (group !== undefined && (typeof group !== "string" || group === "")) throw invalidOption("group", "expected a name");
    if (only !== undefined && typeof only !== "function") throw invalidOption("only", "expected a function");
    this.#source = group === undefined ? newReceipts(bus) : groupReceipts(bus, group);
    this.#only = only ?? (() => true);
    this.#signal = AbortSignal.any([this.#ended.signal, closing]);
  }

  /**
   * Returns the next receipt. It waits while there is none, also during an outage of Redis, and
   * ends when the publisher is closed. Reading the next receipt acknowledges the previous one. An
   * unacknowledged receipt is delivered again if this reader is gone for a minute.
   */
  next(): Promise<IteratorResult<DeliveryUpdate, undefined>> {
    const next = this.#previous.then(() => this.#next());
    this.#previous = next.catch(() => {});
    return next;
  }

  /**
   * Stops reading, as `break` does. The last returned receipt stays unacknowledged, earlier ones
   * are acknowledged.
   */
  async return(): Promise<IteratorResult<DeliveryUpdate, undefined>> {
    this.#ended.abort();
    await this.#previous;
    await this.#source.done(this.#handedOut.slice(0, -1));
    this.#handedOut = [];
    return { done: true, value: undefined };
  }

  /**
   * Acknowledges all receipts returned so far, before this reader stops.
   *
   * @throws UnavailableError or another WirebellError if Redis did not get the acknowledgement
   */
  async commit(): Promise<void> {
    const failure = await this.#acknowledgePrevious();
    if (failure !== undefined) throw failure.error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #next(): Promise<IteratorResult<DeliveryUpdate, undefined>> {
    const backoff = new Backoff(LONGEST_WAIT);
    while (!this.#signal.aborted) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        this.#handedOut.push(next[0]);
        return { done: false, value: next[1] };
      }
      const found = await this.#refill();
      if (found instanceof Failure) await pause(backoff.wait(found.retryAfter), this.#signal);
      else if (!found) await pause(POLL_EVERY, this.#signal);
    }
    return { done: true, value: undefined };
  }

  async #acknowledgePrevious(): Promise<Failure | undefined> {
    const failure = this.#handedOut.length === 0 ? undefined : await this.#source.done(this.#handedOut);
    if (failure === undefined) this.#handedOut = [];
    return failure;
  }

  // Returns whether anything was found.
  async #refill(): Promise<boolean | Failure> {
    const failure = await this.#acknowledgePrevious();
    if (failure !== undefined) return failure;
    const entries = await this.#source.read();
    if (entries instanceof Failure) return entries;
    for (const entry of entries) {
      const update = read(entry);
      if (update !== undefined && this.#only(update)) this.#waiting.push([entry, update]);
      else this.#handedOut.push(entry);
    }
    return entries.length > 0;
  }
}

// Receipts written from now on, without a group.
function newReceipts(bus: RedisBus): Source {
  let last: string[] | undefined;
  // "Now" is the call of `follow`, not the first read.
  const start = streamEnds(bus, "receipts");
  return {
    async read() {
      if (last === undefined) {
        const found = await start.then((first) => (first instanceof Failure ? streamEnds(bus, "receipts") : first));
        if (found instanceof Failure) return found;
        last = found;
      }
      const entries = await entriesAfter(bus, "receipts", last, MAX_PER_SHARD);
      if (!(entries instanceof Failure)) for (const { shard, id } of entries) last[shard] = id;
      return entries;
    },
    done: () => Promise.resolve(undefined),
  };
}

// Receipts shared by the readers of a group.
function groupReceipts(bus: RedisBus, name: string): Source {
  const group = new Group(bus, "receipts", name, ulid());
  let opened = false;
  return {
    async read() {
      const failure = opened ? undefined : await group.open();
      if (failure !== undefined) return failure;
      opened = true;
      const read = await group.read(MAX_PER_SHARD);
      // The streams are gone, for example after Redis restarted empty: the group is created again.
      if (read.failure?.hasCode("NOGROUP")) opened = false;
      const claimed = read.entries.length > 0 || read.failure !== undefined ? read : await group.takeOver(GONE_AFTER, () => false);
      // A failed shard does not hold up entries of the other shards.
      return claimed.entries.length > 0 ? [...claimed.entries] : (claimed.failure ?? []);
    },
    done: (entries) => group.done(entries),
  };
}

function read({ fields }: Entry): DeliveryUpdate | undefined {
  const [id, channel, at] = [fields.get("id"), fields.get("channel"), fields.get("at")];
  const outcome = parseState(fields.get("outcome"));
  if (id === undefined || channel === undefined || channelError(channel) !== undefined) return undefined;
  if (outcome === undefined || at === undefined || !/^\d+$/.test(at)) return undefined;
  return { id, channel, outcome, at: Number(at) };
}
