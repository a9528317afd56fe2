// The seam between a client and its connection, which may be its own or one that several tabs share.
import type { WirebellError } from "./errors.js";
import type { Frame } from "./frame.js";
import type { Status } from "./status.js";

/** What a line asks of the client above it, and tells it. */
export interface Upper {
  /** Where this user goes on, by channel. */
  cursors(user: string): Record<string, string>;
  heard(frame: Frame): void;
  status(status: Status): void;
  failed(error: WirebellError): void;
  /** The user is nobody, or somebody else. */
  forget(): void;
}

export interface Line {
  open(): void;
  close(): void;
  /** Sends if the line is up; what has to arrive is sent again after each welcome. */
  send(frame: Frame): void;
}
