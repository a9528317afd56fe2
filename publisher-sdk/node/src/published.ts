// The result of `publish`: the publish result, and the way to wait for an acknowledgement.

import { type Acknowledgement, acknowledgement } from "./acknowledgement.js";
import { NotAcknowledgedError } from "./errors.js";
import { number } from "./options.js";
import type { PublishResult, ChannelResult } from "./publish-result.js";
import { type StampedEvent, isTracked } from "./protocol/event.js";
import type { Transport } from "./transport.js";

// About as long as a user waits at a screen.
const DEFAULT_TIMEOUT = 10_000;

/** A published event: the bus has it. */
export class Published implements PublishResult {
  readonly id: string;
  readonly channels: ChannelResult[];
  readonly #transport: Transport;
  readonly #canBeAcknowledged: boolean;

  /** @internal */
  constructor(result: PublishResult, event: StampedEvent, transport: Transport) {
    this.id = result.id;
    this.channels = result.channels;
    this.#transport = transport;
    // Only events with a cursor can be acknowledged.
    this.#canBeAcknowledged = isTracked(event) && event.class === "durable";
  }

  /** The cursor, if the event is durable and went to one channel. */
  get cursor(): string | undefined {
    return this.channels.length === 1 ? this.channels[0]?.cursor : undefined;
  }

  /** How many nodes had subscribers, summed over the channels; 0 if no client is connected. */
  get nodes(): number {
    return this.channels.reduce((sum, { nodes }) => sum + nodes, 0);
  }

  /** Whether the event is scheduled for its `deliverAt` on at least one of its channels. */
  get isScheduled(): boolean {
    return this.channels.some(({ scheduled }) => scheduled);
  }

  /**
   * Waits until the first device has acknowledged the event on any of its channels. Otherwise it
   * throws; the error's `code` says why, as soon as the result is final on all channels.
   *
   * The event must be durable and published with `receipt` or `deadline`. Over Redis the publisher
   * polls: each pause is an eighth of the time waited so far, between 10 ms and half a second. Over
   * HTTP the node waits. Thousands of calls may wait at the same time on the publisher's one
   * connection.
   *
   * @param options.timeout Milliseconds. Default: 10,000.
   * @throws NotAcknowledgedError
   */
  async acknowledged(options: { timeout?: number } = {}): Promise<Acknowledgement> {
    const timeout = options.timeout ?? DEFAULT_TIMEOUT;
    number("timeout", timeout, 0, 2 ** 31 - 2_000);
    if (!this.#canBeAcknowledged) throw new NotAcknowledgedError("not_watched");
    return acknowledgement(
      this.#transport,
      this.id,
      this.channels.map(({ channel }) => channel),
      timeout,
    );
  }

  /** Returns the publish result as a plain object. */
  toJSON(): PublishResult {
    return { id: this.id, channels: this.channels };
  }
}
