// Starts one gateway and one browser for a test file, and stops both after its tests.
import { after, before } from "node:test";
import { strict as assert } from "node:assert";

import { launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";

export function setUp(settings) {
  const env = {};
  before(async () => {
    env.gateway = await Gateway.start(settings);
    env.browser = await launch();
  });
  after(async () => {
    await env.browser?.close();
    await env.gateway?.stop();
  });
  return env;
}

// Waits until `holds` accepts the value that `read` returns. Fails with the last value.
export async function eventually(read, holds, within = 5_000) {
  const end = Date.now() + within;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > end) assert.fail(`still ${JSON.stringify(value)} after ${within} ms`);
    await pause(50);
  }
}

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
