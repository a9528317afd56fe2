// Delivery: tries a run of events until each has its answer. What is tried again keeps its place before those that came
// after it.

import { TimedOutError, type WirebellError } from "./errors.js";
import { Failure, type FailureKind } from "./failure.js";
import type { PublishResult } from "./publish-result.js";
import type { StampedEvent } from "./protocol/event.js";
import { Backoff, TIMEOUT, sleep, withDeadline } from "./retry.js";
import type { Transport } from "./transport.js";

/** Most events in one try: enough to hide the way to the bus and back, few enough to bound what a lost connection leaves in doubt. */
export const MAX_BATCH = 256;

/** A stamped event that has no answer yet. */
export interface PendingEvent {
  /** Its number among its kind, to give the answer to. */
  readonly slot: number;
  /** What it weighs in a buffer. */
  readonly bytes: number;
  readonly event: StampedEvent;
}

/** What one event came to. */
export type Answer = PublishResult | WirebellError;

/** What one try of a run of events came to. */
export interface AttemptResult {
  /** The events that have their answer now. */
  readonly settled: (readonly [PendingEvent, Answer])[];
  /** Those that are worth another try, in their order. */
  readonly kept: PendingEvent[];
  /** Why they have to be tried again, if there are some. */
  readonly why: Failure | undefined;
}

/** Tries the events once. */
export async function attempt(
  transport: Transport,
  waiting: readonly PendingEvent[],
  keep: (kind: FailureKind) => boolean,
  deadline = Number.POSITIVE_INFINITY,
): Promise<AttemptResult> {
  const answers = await transport.send(
    waiting.map(({ event }) => event),
    deadline,
  );
  const round: { settled: (readonly [PendingEvent, Answer])[]; kept: PendingEvent[]; why: Failure | undefined } = { settled: [], kept: [], why: undefined };
  waiting.forEach((one, index) => {
    const answer = answers[index] ?? Failure.unavailable("no answer");
    if (answer instanceof Failure && keep(answer.kind)) {
      round.kept.push(one);
      round.why ??= answer;
    } else {
      round.settled.push([one, answer instanceof Failure ? answer.error : answer]);
    }
  });
  return round;
}

/**
 * Publishes the events in their order, each chunk within `timeout`. Once a chunk could not be finished, those behind it
 * are not tried: they would overtake.
 */
export async function deliver(transport: Transport, timeout: number, events: readonly StampedEvent[]): Promise<Answer[]> {
  const answers = new Map<number, Answer>();
  let stopped: WirebellError | undefined;
  for (let from = 0; from < events.length && stopped === undefined; from += MAX_BATCH) {
    const chunk = events.slice(from, from + MAX_BATCH).map((event, at) => ({ slot: from + at, bytes: 0, event }));
    stopped = await deliverChunk(transport, timeout, chunk, answers);
  }
  const givenUp = stopped ?? new TimedOutError(timeout);
  return events.map((_, slot) => answers.get(slot) ?? givenUp);
}

async function deliverChunk(
  transport: Transport,
  timeout: number,
  chunk: readonly PendingEvent[],
  answers: Map<number, Answer>,
): Promise<WirebellError | undefined> {
  const deadline = Date.now() + timeout;
  const backoff = new Backoff();
  // What a try ran into that came to its end says more than that the last one did not.
  let last: WirebellError = new TimedOutError(timeout);
  let waiting = chunk;
  for (;;) {
    const round = await withDeadline(
      deadline,
      attempt(transport, waiting, (kind) => kind !== "event", deadline),
    );
    if (round === TIMEOUT) return last;
    for (const [{ slot }, answer] of round.settled) answers.set(slot, answer);
    if (round.why === undefined) return undefined;
    if (round.why.isOverdue) return last;
    const pause = backoff.wait(round.why.retryAfter);
    // Where waiting helps nobody, the caller is told at once.
    if (round.why.kind === "configuration" || Date.now() + pause >= deadline) return round.why.error;
    last = round.why.error;
    waiting = round.kept;
    await sleep(pause);
  }
}
