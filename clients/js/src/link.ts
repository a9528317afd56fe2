// The interface between a client and its connection. Either the client has its own connection, or
// tabs share one.
import type { WirebellError } from "./errors.js";
import type { Frame } from "./frame.js";
import type { Status } from "./status.js";

/** The client, as its link uses it. */
export interface LinkOwner {
  /** Returns the cursors after which this user resumes, by channel. */
  cursors(user: string): Record<string, string>;
  received(frame: Frame): void;
  status(status: Status): void;
  failed(error: WirebellError): void;
  /** The user has signed out, or another user has signed in. */
  forget(): void;
}

/** A connection, or the share of one. */
export interface Link {
  open(): void;
  close(): void;
  /** Sends if connected. The client sends important frames again after each welcome. */
  send(frame: Frame): void;
}
