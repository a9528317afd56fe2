// Sends events to the bus until each has a result. A retried event stays before later events.

import { TimedOutError, type WirebellError } from "./errors.js";
import { Failure, type FailureKind } from "./failure.js";
import type { PublishResult } from "./publish-result.js";
import type { StampedEvent } from "./protocol/event.js";
import { Backoff, TIMEOUT, sleep, withDeadline } from "./retry.js";
import type { Transport } from "./transport.js";

/**
 * Most events in one attempt: enough to hide the round trip to the bus. A larger batch would leave
 * more events in doubt when a connection breaks.
 */
export const MAX_BATCH = 256;

/** A stamped event without a result. */
export interface PendingEvent {
  /** The number to which the result is assigned. */
  readonly number: number;
  /** Its size in the buffer. */
  readonly bytes: number;
  readonly event: StampedEvent;
}

/** The result of one event. */
export type EventResult = PublishResult | WirebellError;

/** The result of one attempt to send several events. */
export interface AttemptResult {
  /** The events that have a result now. */
  readonly results: (readonly [PendingEvent, EventResult])[];
  /** The events to retry, in order. */
  readonly retry: PendingEvent[];
  /** Why they must be retried; undefined if none must. */
  readonly failure: Failure | undefined;
}

/** Sends the events once. `mayRetry` says which failures are retried. */
export async function attempt(
  transport: Transport,
  events: readonly PendingEvent[],
  mayRetry: (kind: FailureKind) => boolean,
  deadline = Number.POSITIVE_INFINITY,
): Promise<AttemptResult> {
  const answers = await transport.send(
    events.map(({ event }) => event),
    deadline,
  );
  const results: (readonly [PendingEvent, EventResult])[] = [];
  const retry: PendingEvent[] = [];
  let failure: Failure | undefined;
  events.forEach((pending, index) => {
    const answer = answers[index] ?? Failure.unavailable("no response");
    if (answer instanceof Failure && mayRetry(answer.kind)) {
      retry.push(pending);
      failure ??= answer;
    } else {
      results.push([pending, answer instanceof Failure ? answer.error : answer]);
    }
  });
  return { results, retry, failure };
}

/**
 * Publishes the events in order, each batch within `timeout`. After a batch that did not finish,
 * later batches are not sent: they would overtake it.
 */
export async function deliver(transport: Transport, timeout: number, events: readonly StampedEvent[]): Promise<EventResult[]> {
  const results = new Map<number, EventResult>();
  let stopped: WirebellError | undefined;
  for (let from = 0; from < events.length && stopped === undefined; from += MAX_BATCH) {
    const batch = events.slice(from, from + MAX_BATCH).map((event, at) => ({ number: from + at, bytes: 0, event }));
    stopped = await deliverBatch(transport, timeout, batch, results);
  }
  const error = stopped ?? new TimedOutError(timeout);
  return events.map((_, number) => results.get(number) ?? error);
}

async function deliverBatch(
  transport: Transport,
  timeout: number,
  batch: readonly PendingEvent[],
  results: Map<number, EventResult>,
): Promise<WirebellError | undefined> {
  const deadline = Date.now() + timeout;
  const backoff = new Backoff();
  // The error of the last finished attempt says more than the timeout of an unfinished one.
  let last: WirebellError = new TimedOutError(timeout);
  let pending = batch;
  for (;;) {
    const attempted = await withDeadline(
      deadline,
      attempt(transport, pending, (kind) => kind !== "event", deadline),
    );
    if (attempted === TIMEOUT) return last;
    const { failure } = attempted;
    for (const [{ number }, result] of attempted.results) results.set(number, result);
    if (failure === undefined) return undefined;
    if (failure.isOverdue) return last;
    const pause = backoff.wait(failure.retryAfter);
    // A retry does not fix the configuration, so the caller gets the error at once.
    if (failure.kind === "configuration" || Date.now() + pause >= deadline) return failure.error;
    last = failure.error;
    pending = attempted.retry;
    await sleep(pause);
  }
}
