// Waiting in tests and in `examples/start`, without a browser driver.
import { strict as assert } from "node:assert";

// Polls until `holds` accepts the value, and returns it. Fails with the last value.
export async function eventually(poll, holds, within = 5_000) {
  const end = Date.now() + within;
  for (;;) {
    const value = await poll();
    if (holds(value)) return value;
    if (Date.now() > end) assert.fail(`still ${JSON.stringify(value)} after ${within} ms`);
    await pause(50);
  }
}

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
