// The interface between the publisher and a bus. `http/` and `redis/` implement it.

import type { Failure } from "./failure.js";
import type { StampedEvent } from "./protocol/event.js";
import type { Receipt, State } from "./protocol/receipt.js";
import type { PublishResult } from "./publish-result.js";

/**
 * The result of cancelling an event. `published`: it was already published on at least one channel.
 */
export type Cancelled = "cancelled" | "published" | "unknown";

/** A connection to the bus. Methods return a {@link Failure} instead of throwing. */
export interface Transport {
  /** Tries to connect once, if the transport keeps connections. */
  open(): Promise<Failure | undefined>;
  /**
   * Sends the events once, in order, and returns a result for each. After a failure that concerns
   * more than one event, later events are not sent and get the same failure, so that none
   * overtakes. Nothing is sent after `deadline`.
   */
  send(events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]>;
  /**
   * Returns the state of the event on each of these channels. Over HTTP the node may wait up to
   * `patience` milliseconds for a final state; over Redis the reply is immediate.
   */
  states(id: string, channels: readonly string[], patience: number): Promise<(State | undefined)[] | Failure>;
  /** Returns a receipt for each channel that has a delivery record of the event. */
  receipts(id: string): Promise<Receipt[] | Failure>;
  /** Cancels a scheduled event. */
  cancel(id: string): Promise<Cancelled | Failure>;
  /** Closes the connections. */
  close(): void;
}
