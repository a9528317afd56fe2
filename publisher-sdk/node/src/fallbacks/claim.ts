// A claim: an event that this worker takes over, until it says how that ended.

import type { Failure } from "../failure.js";
import { channelFault } from "../protocol/channel.js";
import type { Entry } from "../redis/streams.js";
import { until } from "../retry.js";
import type { Desk } from "./desk.js";

/** An event that no device has acknowledged by its deadline. */
export interface Fallback {
  /** The event's id: the same however often it is handed out. */
  readonly id: string;
  /** On which channel nobody has acknowledged it. */
  readonly channel: string;
  /** When it fell back, in milliseconds since the Unix epoch, by the bus' clock. */
  readonly at: number;
  /** The event as clients get it. */
  readonly event: FallbackEvent;
  /** The same in JSON, byte for byte. */
  readonly json: string;
  /** Which try this is, from 1. */
  readonly tries: number;
}

/** An event as clients get it. */
export interface FallbackEvent {
  readonly type: string;
  readonly id: string;
  readonly channel: string;
  readonly cursor?: string;
  readonly time?: string;
  readonly source?: string;
  /** What the publisher gave. */
  readonly data: unknown;
  readonly traceparent?: string;
}

// For how long it is tried to tell Redis something.
const TELLING = 5_000;

/** A {@link Fallback} in this worker's hand. Say with `done` or `failed` how taking it over ended. */
export class Claim implements Fallback {
  readonly id: string;
  readonly channel: string;
  readonly at: number;
  readonly event: FallbackEvent;
  readonly json: string;
  readonly tries: number;
  readonly #desk: Desk;
  readonly #entry: Entry;
  #ended = false;

  /** @internal */
  constructor(desk: Desk, entry: Entry, fallback: Fallback) {
    this.id = fallback.id;
    this.channel = fallback.channel;
    this.at = fallback.at;
    this.event = fallback.event;
    this.json = fallback.json;
    this.tries = fallback.tries;
    this.#desk = desk;
    this.#entry = entry;
  }

  /**
   * It is taken over. An error means that Redis could not be told: it will be handed out once more.
   *
   * @throws UnavailableError and the like
   */
  async done(): Promise<void> {
    await this.#end(async () => {
      await this.#tell(() => this.#desk.group.done([this.#entry]));
      this.#desk.counters.done += 1;
    });
  }

  /**
   * It could not be taken over, for this reason: it is tried again later, or becomes a dead letter if that was the last
   * try.
   *
   * @throws UnavailableError and the like, where Redis could not be told
   */
  async failed(reason: unknown): Promise<void> {
    await this.#end(async () => {
      this.#desk.counters.failed += 1;
      if (this.tries < this.#desk.settings.tries) {
        this.#desk.later(this.#entry);
        return;
      }
      const words = reason instanceof Error ? reason.message : String(reason);
      this.#desk.logger.error("an event has become a dead letter", { id: this.id, tries: this.tries, reason: words });
      await this.#tell(() => this.#desk.group.bury(this.#entry, words));
      this.#desk.counters.dead += 1;
    });
  }

  async #end(how: () => Promise<void>): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await how();
    } finally {
      this.#desk.letGo(this.#entry);
    }
  }

  async #tell(how: () => Promise<Failure | undefined>): Promise<void> {
    await until<undefined>(TELLING, how);
  }
}

/** Reads an entry of the stream; undefined if it is not one that a node writes. */
export function readFallback(entry: Entry): Fallback | undefined {
  const { fields, tries } = entry;
  const [id, channel, at, json] = [fields.get("id"), fields.get("channel"), fields.get("at"), fields.get("event")];
  if (id === undefined || channel === undefined || channelFault(channel) !== undefined) return undefined;
  if (at === undefined || !/^\d+$/.test(at) || json === undefined) return undefined;
  try {
    return { id, channel, at: Number(at), event: JSON.parse(json) as FallbackEvent, json, tries };
  } catch {
    return undefined;
  }
}
