// Waits for conditions.
import assert from "node:assert/strict";

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

// Waits until the value fulfills the condition, and fails with the last value.
export async function eventually(what, holds = Boolean, within = 8_000) {
  const end = Date.now() + within;
  for (;;) {
    const value = await what();
    if (holds(value)) return value;
    if (Date.now() > end) assert.fail(`still ${JSON.stringify(value)} after ${within} ms`);
    await pause(20);
  }
}
