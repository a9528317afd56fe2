// Retrying: how long to wait before the next try.

import { TimedOutError } from "./errors.js";
import { Failure } from "./failure.js";

// The first wait: a broken connection is usually good again at once.
const SHORTEST = 20;
const LONGEST = 1_000;

/**
 * Waits that double up to a bound, each shortened at random by up to a half, so that many publishers that lost the same
 * Redis do not come back in step.
 */
export class Backoff {
  readonly #longest: number;
  #tries = 0;

  constructor(longest = LONGEST) {
    this.#longest = longest;
  }

  /** How many milliseconds to wait now; never less than the bus asked for. */
  wait(asked?: number): number {
    const full = Math.min(SHORTEST * 2 ** Math.min(this.#tries, 16), this.#longest);
    this.#tries += 1;
    const jittered = full * (0.5 + Math.random() / 2);
    return asked === undefined ? jittered : Math.min(asked + jittered, Math.max(this.#longest, asked));
  }

  /** The last try went well. */
  reset(): void {
    this.#tries = 0;
  }
}

/** Tries something that may be done twice until it is done, cannot be done, or the time is over. */
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

/** What came too late. */
export const TIMEOUT = Symbol("late");

/** What the promise comes to, or that it did not by then. */
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

/** Waits. */
export function sleep(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

/** Waits, but not beyond the signal. */
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
