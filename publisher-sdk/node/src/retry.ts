// Retries with backoff, timeouts and pauses.

import { TimedOutError } from "./errors.js";
import { Failure } from "./failure.js";

// The first wait: a broken connection usually works again at once.
const SHORTEST = 20;
const LONGEST = 1_000;

/**
 * Waits that double up to a bound. Each is shortened at random by up to a half, so that publishers
 * that lost the same Redis do not reconnect in step.
 */
export class Backoff {
  readonly #longest: number;
  #attempts = 0;

  constructor(longest = LONGEST) {
    this.#longest = longest;
  }

  /** Returns the next wait in milliseconds; never less than the bus asked for. */
  wait(requested?: number): number {
    const full = Math.min(SHORTEST * 2 ** Math.min(this.#attempts, 16), this.#longest);
    this.#attempts += 1;
    const jittered = full * (0.5 + Math.random() / 2);
    return requested === undefined ? jittered : Math.min(requested + jittered, Math.max(this.#longest, requested));
  }

  /** Starts again with the shortest wait, after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}

/**
 * Retries an idempotent operation until it succeeds, cannot succeed, or `timeout` milliseconds have
 * elapsed. @throws WirebellError
 */
export async function retryUntil<T>(timeout: number, attempt: () => Promise<T | Failure>): Promise<T> {
  const deadline = Date.now() + timeout;
  const backoff = new Backoff();
  let last: Error = new TimedOutError(timeout);
  for (;;) {
    const found = await withDeadline(deadline, attempt());
    if (found === TIMEOUT) throw last;
    if (!(found instanceof Failure)) return found;
    const pause = backoff.wait(found.retryAfter);
    if (found.kind !== "transient" || Date.now() + pause >= deadline) throw found.error;
    last = found.error;
    await sleep(pause);
  }
}

/** The result of {@link withDeadline} if the deadline passed first. */
export const TIMEOUT = Symbol("timeout");

/** Waits for the promise, but not beyond the deadline. */
export async function withDeadline<T>(deadline: number, promise: Promise<T>): Promise<T | typeof TIMEOUT> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof TIMEOUT>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, deadline - Date.now()), TIMEOUT);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for some milliseconds. */
export function sleep(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

/** Waits for some milliseconds, or until the signal aborts. */
export function pause(millis: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, millis);
    signal.addEventListener("abort", end);
  });
}
