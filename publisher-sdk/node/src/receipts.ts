// The stream of receipts: what becomes of every watched event, for a service that publishes too many to wait for each.

import { Failure } from "./failure.js";
import { invalidOption, defined } from "./options.js";
import { channelError } from "./protocol/channel.js";
import { type State, parseState } from "./protocol/receipt.js";
import type { RedisBus } from "./redis/bus.js";
import { type Entry, Group, entriesAfter, ends } from "./redis/streams.js";
import { Backoff, pause } from "./retry.js";
import { ulid } from "./stamp.js";

/** Where to begin reading receipts, with whom to share them, and which. */
export interface FollowOptions {
  /**
   * Shared with all others who name this group: each receipt goes to one of them, at least once, and goes on where they
   * were after a restart. A new group begins with the oldest receipts that are kept. Without a group: all that is told from
   * now on, and nothing of what was missed meanwhile after a restart.
   */
  group?: string | undefined;
  /** Only those that fit. Of a group's, the others are done with. */
  only?: ((told: DeliveryUpdate) => boolean) | undefined;
}

/** What has become of an event on one channel: it was acknowledged, has fallen back, has expired, or was cancelled. */
export interface DeliveryUpdate {
  /** The event's id. */
  id: string;
  channel: string;
  outcome: State;
  /** When, in milliseconds since the Unix epoch, by the bus' clock. */
  at: number;
}

// How often the streams are looked at while nothing comes.
const LOOK_EVERY = 100;
// Entries of one shard that are taken at once.
const MOST_AT_ONCE = 100;
// A reader that has been silent for so long is gone.
const GONE_AFTER = 60_000;
const LONGEST_WAIT = 2_000;

interface Source {
  read(): Promise<Entry[] | Failure>;
  done(entries: readonly Entry[]): Promise<Failure | undefined>;
}

/** The stream of receipts of all services on this bus, as an async iterator. See {@link Publisher.follow}. */
export class Receipts implements AsyncIterableIterator<DeliveryUpdate> {
  readonly #source: Source;
  readonly #only: (told: DeliveryUpdate) => boolean;
  readonly #signal: AbortSignal;
  readonly #ended = new AbortController();
  #waiting: [Entry, DeliveryUpdate][] = [];
  // Handed to the caller, who comes back for the next once done with it.
  #handedOut: Entry[] = [];
  // Asked for the next before the last one came, it answers in turn.
  #turn: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(bus: RedisBus, options: FollowOptions, closing: AbortSignal) {
    const { group, only } = defined(options, ["group", "only"]);
    if (group !== undefined && (typeof group !== "string" || group === "")) throw invalidOption("group", "expected a name");
    if (only !== undefined && typeof only !== "function") throw invalidOption("only", "expected a function");
    this.#source = group === undefined ? fromNow(bus) : shared(bus, group);
    this.#only = only ?? (() => true);
    this.#signal = AbortSignal.any([this.#ended.signal, closing]);
  }

  /**
   * The next receipt. It waits for as long as there is none, also through an outage of Redis, and ends when the publisher
   * is closed. Coming back for the next one says that the last one has been attended to; until then it stands in the group
   * as begun, and is handed out again should this reader be gone for a minute.
   */
  next(): Promise<IteratorResult<DeliveryUpdate, undefined>> {
    const next = this.#turn.then(() => this.#next());
    this.#turn = next.catch(() => {});
    return next;
  }

  /** Ends it, as `break` does. The last receipt that was handed out counts as begun, and those before it as attended to. */
  async return(): Promise<IteratorResult<DeliveryUpdate, undefined>> {
    this.#ended.abort();
    await this.#turn;
    await this.#source.done(this.#handedOut.slice(0, -1));
    this.#handedOut = [];
    return { done: true, value: undefined };
  }

  /**
   * Says that everything handed out so far has been attended to, before this reader goes.
   *
   * @throws UnavailableError and the like, where Redis could not be told
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
      else if (!found) await pause(LOOK_EVERY, this.#signal);
    }
    return { done: true, value: undefined };
  }

  async #acknowledgePrevious(): Promise<Failure | undefined> {
    const failure = this.#handedOut.length === 0 ? undefined : await this.#source.done(this.#handedOut);
    if (failure === undefined) this.#handedOut = [];
    return failure;
  }

  // Answers whether anything was found.
  async #refill(): Promise<boolean | Failure> {
    const failure = await this.#acknowledgePrevious();
    if (failure !== undefined) return failure;
    const entries = await this.#source.read();
    if (entries instanceof Failure) return entries;
    for (const entry of entries) {
      const told = read(entry);
      if (told !== undefined && this.#only(told)) this.#waiting.push([entry, told]);
      else this.#handedOut.push(entry);
    }
    return entries.length > 0;
  }
}

// All that is told from now on.
function fromNow(bus: RedisBus): Source {
  let last: string[] | undefined;
  // "Now" is when it was asked for, not when the first answer was waited for.
  const begun = ends(bus, "receipts");
  return {
    async read() {
      if (last === undefined) {
        const found = await begun.then((first) => (first instanceof Failure ? ends(bus, "receipts") : first));
        if (found instanceof Failure) return found;
        last = found;
      }
      const entries = await entriesAfter(bus, "receipts", last, MOST_AT_ONCE);
      if (!(entries instanceof Failure)) for (const { shard, id } of entries) last[shard] = id;
      return entries;
    },
    done: () => Promise.resolve(undefined),
  };
}

function shared(bus: RedisBus, name: string): Source {
  const group = new Group(bus, "receipts", name, ulid());
  let opened = false;
  return {
    async read() {
      const failure = opened ? undefined : await group.open();
      if (failure !== undefined) return failure;
      opened = true;
      const read = await group.read(MOST_AT_ONCE);
      // The streams are gone, as in a Redis that came back empty: the group is made again.
      if (read.failure?.hasCode("NOGROUP")) opened = false;
      const taken = read.entries.length > 0 || read.failure !== undefined ? read : await group.takeOver(GONE_AFTER, () => false);
      // A shard that is away keeps nobody from what the others have handed over.
      return taken.entries.length > 0 ? [...taken.entries] : (taken.failure ?? []);
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
