// A fallback event in flight, and the job type of fallback workers.

import { channelError } from "../protocol/channel.js";
import type { Entry, Group } from "../redis/streams.js";
import type { InFlight } from "../workers/in-flight.js";
import type { JobKind } from "../workers/job.js";

/** An event that no device acknowledged by its deadline. */
export interface Fallback {
  /** The event's id. It is the same in every attempt. */
  readonly id: string;
  /** The channel without an acknowledgement. */
  readonly channel: string;
  /**
   * When it was added to the fallback stream, in milliseconds since the Unix epoch, by the bus's
   * clock.
   */
  readonly at: number;
  /** The event as clients receive it. */
  readonly event: FallbackEvent;
  /** The same as JSON, byte for byte. */
  readonly json: string;
  /** The number of this attempt, from 1. */
  readonly tries: number;
}

/** An event as clients receive it. */
export interface FallbackEvent {
  readonly type: string;
  readonly id: string;
  readonly channel: string;
  readonly cursor?: string;
  readonly time?: string;
  readonly source?: string;
  /** The publisher's data. */
  readonly data: unknown;
  readonly traceparent?: string;
}

/** A {@link Fallback} in flight. Report the result with `done` or `failed`. */
export class Claim implements Fallback {
  readonly id: string;
  readonly channel: string;
  readonly at: number;
  readonly event: FallbackEvent;
  readonly json: string;
  readonly tries: number;
  readonly #inFlight: InFlight<Fallback, void>;

  /** @internal */
  constructor(inFlight: InFlight<Fallback, void>) {
    const { id, channel, at, event, json, tries } = inFlight.job;
    this.id = id;
    this.channel = channel;
    this.at = at;
    this.event = event;
    this.json = json;
    this.tries = tries;
    this.#inFlight = inFlight;
  }

  /**
   * Reports the event as handled. If this throws, Redis did not get the result, and the event is
   * delivered again.
   *
   * @throws UnavailableError or another WirebellError
   */
  done(): Promise<void> {
    return this.#inFlight.done();
  }

  /**
   * Reports a failed attempt with its reason. The event is retried later; after the last attempt it
   * becomes a dead letter.
   *
   * @throws UnavailableError or another WirebellError if Redis did not get the dead letter
   */
  failed(reason: unknown): Promise<void> {
    return this.#inFlight.failed(reason);
  }
}

/** The job type of fallback workers. */
export function fallbackJobs(group: Group): JobKind<Fallback, void> {
  return {
    read: readFallback,
    done: (entry) => group.done([entry]),
    deadLetter: (entry, _, reason) => group.deadLetter(entry, reason),
    pollEvery: 150,
    messages: {
      outage: "cannot read the fallback stream; retrying",
      outageOver: "reading the fallback stream again",
      dead: "a fallback event became a dead letter",
      unreadable: "it is not a fallback event",
      resultLost: "Redis did not get the result of a fallback event; it will be delivered again",
    },
  };
}

// Returns undefined if a node did not write the entry.
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
