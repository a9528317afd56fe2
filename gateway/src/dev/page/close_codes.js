// Close codes: their meaning, and whether to reconnect.

const MEANINGS = {
  1000: "closed normally",
  1001: "the node is going away",
  1002: "protocol error",
  1005: "closed without a code",
  1006: "the connection was lost",
  1008: "too many invalid frames",
  1009: "the message was too large",
  1011: "internal error of the node",
  1012: "the node restarts",
  4401: "token missing, invalid or expired",
  4403: "token revoked or not allowed",
  4408: "authentication timed out",
  4409: "replaced by another connection",
  4413: "frame too large",
  4429: "too many connections",
};

// Codes after which a reconnect would fail the same way.
const FINAL = new Set([1002, 1008, 1009, 4403, 4409, 4413]);

export const meaning = (code) => MEANINGS[code] ?? "unknown code";
export const isFinal = (code) => FINAL.has(code);

const BASE = 0.5;
const MAX_DELAY = 30;

// Returns the seconds until the next attempt. Full jitter spreads the reconnects of many clients.
export function delay(attempt, random = Math.random) {
  return random() * Math.min(MAX_DELAY, BASE * 2 ** attempt);
}
