// What a client got, in its order, and a way to wait for the next of a kind.
import { strict as assert } from "node:assert";

const PATIENCE = 10_000;

export class Inbox {
  #frames = [];
  #taken = 0;
  #wake = () => {};

  put(frame) {
    this.#frames.push(frame);
    this.#wake();
  }

  // The next frame that fits; those before it are passed over.
  async next(fits, what = String(fits), within = PATIENCE) {
    const end = Date.now() + within;
    for (;;) {
      while (this.#taken < this.#frames.length) {
        const frame = this.#frames[this.#taken++];
        if (fits(frame)) return frame;
      }
      const left = end - Date.now();
      if (left <= 0) assert.fail(`no ${what} within ${within} ms; came: ${JSON.stringify(this.#frames).slice(0, 2000)}`);
      await Promise.race([new Promise((wake) => (this.#wake = wake)), pause(left)]);
    }
  }

  of(type) {
    return this.next((frame) => frame.type === type, type);
  }

  event() {
    return this.next((frame) => !frame.type.startsWith("wirebell."), "event");
  }

  // All that came so far, of events only.
  events() {
    return this.#frames.filter((frame) => !frame.type.startsWith("wirebell."));
  }
}

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
