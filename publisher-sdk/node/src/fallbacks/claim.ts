// A claim: an event that this worker takes over, until it says how that ended.

import { channelError } from "../protocol/channel.js";
import type { Entry, Group } from "../redis/streams.js";
import type { InFlight } from "../workers/in-flight.js";
import type { JobKind } from "../workers/job.js";

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

/** A {@link Fallback} in this worker's hand. Say with `done` or `failed` how taking it over ended. */
export class Claim implements Fallback {
  readonly id: string;
  readonly channel: string;
  readonly at: number;
  readonly event: FallbackEvent;
  readonly json: string;
  readonly tries: number;
  readonly #hold: InFlight<Fallback, void>;

  /** @internal */
  constructor(hold: InFlight<Fallback, void>) {
    const { id, channel, at, event, json, tries } = hold.job;
    this.id = id;
    this.channel = channel;
    this.at = at;
    this.event = event;
    this.json = json;
    this.tries = tries;
    this.#hold = hold;
  }

  /**
   * It is taken over. An error means that Redis could not be told: it will be handed out once more.
   *
   * @throws UnavailableError and the like
   */
  done(): Promise<void> {
    return this.#hold.done();
  }

  /**
   * It could not be taken over, for this reason: it is tried again later, or becomes a dead letter if that was the last
   * try.
   *
   * @throws UnavailableError and the like, where Redis could not be told
   */
  failed(reason: unknown): Promise<void> {
    return this.#hold.failed(reason);
  }
}

/** Fallbacks as jobs of a worker. */
export function fallbackJobs(group: Group): JobKind<Fallback, void> {
  return {
    read: readFallback,
    done: (entry) => group.done([entry]),
    bury: (entry, _, reason) => group.bury(entry, reason),
    lookEvery: 150,
    words: {
      outage: "fallbacks cannot be read, and it is tried again",
      outageOver: "fallbacks are read again",
      dead: "a fallback has become a dead letter",
      unreadable: "it is not an event that has fallen back",
      untold: "nobody was told how taking over an event ended: it will be tried again",
    },
  };
}

// Undefined if it is not one that a node writes.
function readFallback(entry: Entry): Fallback | undefined {
  const { fields, tries } = entry;
  const [id, channel, at, json] = [fields.get("id"), fields.get("channel"), fields.get("at"), fields.get("event")];
  if (id === undefined || channel === undefined || channelError(channel) !== undefined) return undefined;
  if (at === undefined || !/^\d+$/.test(at) || json === undefined) return undefined;
  try {
    return { id, channel, at: Number(at), event: JSON.parse(json) as FallbackEvent, json, tries };
  } catch {
    return undefined;
  }
}
