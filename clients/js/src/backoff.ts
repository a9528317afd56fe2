// How long to wait until the next try.

const FIRST = 1_000;
const LONGEST = 30_000;

/** Milliseconds, with full jitter: after a failure of the node, its clients must not come back at one moment. */
export const backoff = (attempt: number, random = Math.random): number => random() * Math.min(LONGEST, FIRST * 2 ** attempt);
