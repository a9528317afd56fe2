// The frames that a client received, in order, with methods that wait for the next matching one.
import { strict as assert } from "node:assert";

const TIMEOUT = 10_000;

export class FrameQueue {
  #frames = [];
  #read = 0;
  #wake = () => {};

  put(frame) {
    this.#frames.push(frame);
    this.#wake();
  }

  // Returns the next matching frame; skips the frames before it.
  async next(matches, what = String(matches), within = TIMEOUT) {
    const end = Date.now() + within;
    for (;;) {
      while (this.#read < this.#frames.length) {
        const frame = this.#frames[this.#read++];
        if (matches(frame)) return frame;
      }
      const left = end - Date.now();
      if (left <= 0) assert.fail(`no ${what} within ${within} ms; received: ${JSON.stringify(this.#frames).slice(0, 2000)}`);
      await Promise.race([new Promise((wake) => (this.#wake = wake)), pause(left)]);
    }
  }

  nextOf(type) {
    return this.next((frame) => frame.type === type, type);
  }

  nextEvent() {
    return this.next((frame) => !frame.type.startsWith("wirebell."), "event");
  }

  // Returns all events received so far, without Wirebell's own frames.
  events() {
    return this.#frames.filter((frame) => !frame.type.startsWith("wirebell."));
  }
}

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
