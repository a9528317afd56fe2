// How a connection ended, what that means, and whether to come back.

const MEANINGS = {
  1000: "said goodbye",
  1001: "the node is going away",
  1002: "the protocol was broken",
  1005: "closed without a code",
  1006: "the line broke",
  1008: "too much that was not understood",
  1009: "the message was too big",
  1011: "a fault of the node",
  1012: "the node restarts",
  4401: "token missing, bad or expired",
  4403: "revoked or not allowed",
  4408: "too slow to authenticate",
  4409: "replaced by another connection",
  4413: "frame too large",
  4429: "too many",
};

// Coming back would only be refused in the same way.
const FINAL = new Set([1002, 1008, 1009, 4403, 4409, 4413]);

export const meaning = (code) => MEANINGS[code] ?? "unknown code";
export const isFinal = (code) => FINAL.has(code);

const BASE = 0.5;
const LONGEST = 30;

// Seconds until the next try: full jitter, so that many clients do not come back at one moment.
export function delay(attempt, random = Math.random) {
  return random() * Math.min(LONGEST, BASE * 2 ** attempt);
}
