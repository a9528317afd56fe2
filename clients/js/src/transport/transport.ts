// The interface between a connection and its transport.
// In: frames to send. Out: received frames, and the close code when the transport ends.
// `websocket.ts` and `sse.ts` implement it; they do not know tokens' renewal, retries or cursors.
import type { Frame } from "../frame.js";

/** The parameters of a connection. */
export interface DialParams {
  url: string;
  token: string;
  /** The cursor after which to resume the user's channel. */
  cursor: string | undefined;
}

/** The callbacks of a wire. */
export interface WireEvents {
  /** Called with the text of a frame; an empty text is a sign of life only. */
  text(text: string): void;
  /** Called once when the wire is closed. docs/protocol.md lists the codes. */
  closed(code: number, reason: string): void;
}

/** An open connection. */
export interface Wire {
  send(frame: Frame): void;
  /** Closes it; no callback is called after that. */
  drop(): void;
}

/** A way to open connections. */
export interface Transport {
  readonly name: string;
  dial(params: DialParams, events: WireEvents): Wire;
}
