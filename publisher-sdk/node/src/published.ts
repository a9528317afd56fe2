// What `publish` answers: the outcome, and a hold on the event to ask what becomes of it.

import { type Acknowledgement, acknowledgement } from "./acknowledgement.js";
import { NotAcknowledgedError } from "./errors.js";
import { number } from "./options.js";
import type { PublishResult, ChannelResult } from "./publish-result.js";
import { type StampedEvent, isTracked } from "./protocol/event.js";
import type { Transport } from "./transport.js";

// For as long as somebody waits at a screen.
const DEFAULT_TIMEOUT = 10_000;

/** The bus has the event. */
export class Published implements PublishResult {
  readonly id: string;
  readonly channels: ChannelResult[];
  readonly #transport: Transport;
  readonly #canBeAcknowledged: boolean;

  /** @internal */
  constructor(outcome: PublishResult, event: StampedEvent, transport: Transport) {
    this.id = outcome.id;
    this.channels = outcome.channels;
    this.#transport = transport;
    // Only what has a cursor can be acknowledged.
    this.#canBeAcknowledged = isTracked(event) && event.class === "durable";
  }

  /** The cursor, where the event went to one channel and is durable. */
  get cursor(): string | undefined {
    return this.channels.length === 1 ? this.channels[0]?.cursor : undefined;
  }

  /** How many nodes listened, summed over the channels; 0 if nobody is connected. */
  get nodes(): number {
    return this.channels.reduce((sum, { nodes }) => sum + nodes, 0);
  }

  /** Is it kept until its `deliverAt`, at least on one of its channels? */
  get isScheduled(): boolean {
    return this.channels.some(({ scheduled }) => scheduled);
  }

  /**
   * Waits until a device has acknowledged the event: the first one, on whichever of its channels. Any other end is told by
   * the error's `code`, those that are final as soon as they are so on all channels.
   *
   * The event has to be durable and published with `receipt` or `deadline`. The bus is asked again and again, each time
   * after an eighth of the time waited so far, between 10 ms and half a second; over HTTP the node does so. Thousands may
   * wait at the same time, on the publisher's one connection.
   *
   * @param options.timeout Milliseconds; usually 10,000.
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

  /** What the bus answered, as a plain value. */
  toJSON(): PublishResult {
    return { id: this.id, channels: this.channels };
  }
}
