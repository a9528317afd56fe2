// Waiting for what takes its time.
import assert from "node:assert/strict";

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

// Waits until it holds; fails with what it was last.
export async function eventually(what, holds = Boolean, within = 8_000) {
  const end = Date.now() + within;
  for (;;) {
    const value = await what();
    if (holds(value)) return value;
    if (Date.now() > end) assert.fail(`still ${JSON.stringify(value)} after ${within} ms`);
    await pause(20);
  }
}
