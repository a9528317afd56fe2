// Pipelines: cuts events into runs of commands, one for each channel, and puts the answers together again.

import { Failure } from "../failure.js";
import type { PublishResult, ChannelResult } from "../publish-result.js";
import type { Accepted } from "../protocol/calls.js";
import type { StampedEvent } from "../protocol/event.js";
import { type Prepared, prepare } from "../protocol/prepared.js";

/** Commands, each with its event's place. */
export type Batch = readonly (readonly [place: number, event: Prepared])[];

/** Most commands in one pipeline: enough to hide the way to the bus and back. */
const MOST = 256;
/** Most characters of events in one pipeline: it is written whole before the first answer is read. */
const MOST_TEXT = 1024 * 1024;

/** The commands of a run of events, cut to size. */
export function* batches(events: readonly StampedEvent[]): Generator<Batch> {
  let batch: [number, Prepared][] = [];
  let text = 0;
  for (const [place, event] of events.entries()) {
    for (const prepared of prepare(event)) {
      const size = prepared.head.length + prepared.tail.length;
      if (batch.length > 0 && (batch.length >= MOST || text + size > MOST_TEXT)) {
        yield batch;
        [batch, text] = [[], 0];
      }
      batch.push([place, prepared]);
      text += size;
    }
  }
  if (batch.length > 0) yield batch;
}

interface Parts {
  id: string;
  wanted: number;
  reached: ChannelResult[];
  failure: Failure | undefined;
}

/** The answers so far, event by event. */
export class BatchResults {
  readonly #events: Parts[];

  constructor(events: readonly StampedEvent[]) {
    this.#events = events.map((event) => ({ id: event.id, wanted: event.to.length, reached: [], failure: undefined }));
  }

  /** Takes the answers to one batch. */
  add(batch: Batch, answers: readonly (Accepted | Failure)[]): void {
    batch.forEach(([place, { channel }], index) => {
      const [parts, answer] = [this.#events[place], answers[index]];
      if (parts === undefined || answer === undefined) return;
      if (answer instanceof Failure) {
        // One channel that is worth another try makes the event worth one: the others answer as before.
        if (parts.failure === undefined || answer.isMoreRetryableThan(parts.failure)) parts.failure = answer;
        return;
      }
      parts.reached.push({
        channel,
        ...(answer.cursor === undefined ? {} : { cursor: answer.cursor }),
        nodes: answer.nodes,
        ...(answer.scheduled ? { scheduled: true } : {}),
      });
    });
  }

  /** Did an answer say that these connections lead to the wrong servers? */
  isElsewhere(): boolean {
    return this.#events.some(({ failure }) => failure?.reconnect);
  }

  /** The failure that stops what has not been sent yet, if there was one. */
  stopped(): Failure | undefined {
    return this.#events.find(({ failure }) => failure?.stopsBatch)?.failure;
  }

  /** The answer for each event; `rest` for those that were not sent to all of their channels. */
  finish(rest: Failure): (PublishResult | Failure)[] {
    return this.#events.map(({ id, wanted, reached, failure }) => {
      if (failure !== undefined) return failure;
      return reached.length === wanted ? { id, channels: reached } : rest;
    });
  }
}
