// The seam between what is said and how it gets there.
import type { Frame } from "../frame.js";

/** How a connection is asked for. */
export interface Call {
  url: string;
  token: string;
  /** Where to go on in the user's own log. */
  cursor: string | undefined;
}

export interface Answers {
  /** A frame; nothing at all is a sign of life. */
  text(text: string): void;
  /** It is gone; told once. `code` is as in docs/protocol.md. */
  gone(code: number, reason: string): void;
}

export interface Wire {
  send(frame: Frame): void;
  /** Lets go of it; nothing is told after that. */
  drop(): void;
}

export interface Transport {
  readonly name: string;
  dial(call: Call, answers: Answers): Wire;
}
