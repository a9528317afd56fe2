// Pipelines: splits events into batches of commands, one per channel, and collects the replies per
// event.

import { Failure } from "../failure.js";
import type { PublishResult, ChannelResult } from "../publish-result.js";
import type { Accepted } from "../protocol/calls.js";
import type { StampedEvent } from "../protocol/event.js";
import { type Prepared, prepare } from "../protocol/prepared.js";

/** Commands, each with the index of its event. */
export type Batch = readonly (readonly [index: number, event: Prepared])[];

// Most commands in one pipeline: enough to hide the round trip to the bus.
const MAX_COMMANDS = 256;
// Most characters of events in one pipeline: it is written completely before the first reply is
// read.
const MAX_TEXT = 1024 * 1024;

/** Splits the commands of the events into batches. */
export function* batches(events: readonly StampedEvent[]): Generator<Batch> {
  let batch: [number, Prepared][] = [];
  let text = 0;
  for (const [index, event] of events.entries()) {
    for (const prepared of prepare(event)) {
      const size = prepared.head.length + prepared.tail.length;
      if (batch.length > 0 && (batch.length >= MAX_COMMANDS || text + size > MAX_TEXT)) {
        yield batch;
        [batch, text] = [[], 0];
      }
      batch.push([index, prepared]);
      text += size;
    }
  }
  if (batch.length > 0) yield batch;
}

interface EventParts {
  id: string;
  wanted: number;
  channels: ChannelResult[];
  failure: Failure | undefined;
}

/** The results so far, per event. */
export class BatchResults {
  readonly #events: EventParts[];

  constructor(events: readonly StampedEvent[]) {
    this.#events = events.map((event) => ({ id: event.id, wanted: event.to.length, channels: [], failure: undefined }));
  }

  /** Adds the results of one batch. */
  add(batch: Batch, results: readonly (Accepted | Failure)[]): void {
    batch.forEach(([index, { channel }], at) => {
      const [parts, result] = [this.#events[index], results[at]];
      if (parts === undefined || result === undefined) return;
      if (result instanceof Failure) {
        // One retryable channel makes the whole event retryable: the other channels reply as
        // before.
        if (parts.failure === undefined || result.isMoreRetryableThan(parts.failure)) parts.failure = result;
        return;
      }
      parts.channels.push({
        channel,
        ...(result.cursor === undefined ? {} : { cursor: result.cursor }),
        nodes: result.nodes,
        ...(result.scheduled ? { scheduled: true } : {}),
      });
    });
  }

  /** Returns whether a reply said that the connections lead to the wrong servers. */
  needsReconnect(): boolean {
    return this.#events.some(({ failure }) => failure?.reconnect);
  }

  /** Returns the failure that prevents sending later batches, if any. */
  stopped(): Failure | undefined {
    return this.#events.find(({ failure }) => failure?.stopsBatch)?.failure;
  }

  /**
   * Returns the result of each event; `rest` for events that were not sent to all of their
   * channels.
   */
  finish(rest: Failure): (PublishResult | Failure)[] {
    return this.#events.map(({ id, wanted, channels, failure }) => {
      if (failure !== undefined) return failure;
      return channels.length === wanted ? { id, channels } : rest;
    });
  }
}
