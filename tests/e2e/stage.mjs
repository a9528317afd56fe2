// What every suite stands on: one gateway and one browser, both gone when its tests are over.
import { after, before } from "node:test";
import { strict as assert } from "node:assert";

import { launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";

export function stage(settings) {
  const on = {};
  before(async () => {
    on.gateway = await Gateway.start(settings);
    on.browser = await launch();
  });
  after(async () => {
    await on.browser?.close();
    await on.gateway?.stop();
  });
  return on;
}

// Waits until it holds; fails with what it was last.
export async function eventually(what, holds, within = 5_000) {
  const end = Date.now() + within;
  for (;;) {
    const value = await what();
    if (holds(value)) return value;
    if (Date.now() > end) assert.fail(`still ${JSON.stringify(value)} after ${within} ms`);
    await pause(50);
  }
}

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
