// The wait before the next attempt to connect.

const FIRST = 1_000;
const LONGEST = 30_000;

/**
 * Returns milliseconds, with full jitter: after a failure of a node, its clients must not reconnect
 * at the same moment.
 */
export const backoff = (attempt: number, random = Math.random): number => random() * Math.min(LONGEST, FIRST * 2 ** attempt);
