// The publisher: `publish`, `publishAll` and `enqueue`, over any transport.

import { type Counters, EventBuffer, type Flushed } from "./buffer.js";
import { deliver } from "./delivery.js";
import { ClosedError, TimedOutError, WirebellError } from "./errors.js";
import { type FollowOptions, Receipts } from "./receipts.js";
import { type Logger, safeLogger } from "./logger.js";
import { type PublisherOptions, type Settings, invalidOption, number, resolveOptions } from "./options.js";
import { check } from "./protocol/check.js";
import { type StampedEvent, type WirebellEvent, toWire } from "./protocol/event.js";
import type { Receipt } from "./protocol/receipt.js";
import { Published } from "./published.js";
import { Pump } from "./pump.js";
import { RedisBus } from "./redis/bus.js";
import { retryUntil } from "./retry.js";
import { stamp } from "./stamp.js";
import { transportFor } from "./connect.js";
import type { Cancelled, Transport } from "./transport.js";
import { httpHasNoStreams } from "./url.js";

/** The result of `enqueue`. */
export type Enqueued =
  /** The event waits in the buffer and is published under this id as soon as the bus accepts it. */
  | { readonly accepted: true; readonly id: string }
  /**
   * `full`: the bus has been unreachable for too long, or is too slow. `closed`: the publisher is
   * closed.
   */
  | { readonly accepted: false; readonly reason: "full" | "closed"; readonly id: string }
  /** The event itself is invalid. */
  | { readonly accepted: false; readonly reason: "invalid"; readonly error: WirebellError };

// Less than the grace period that a process usually gets to end, so that other work can finish too.
const CLOSE_TIMEOUT = 5_000;

/** Publishes events. One publisher per process is enough: it has one connection and one buffer. */
export class Publisher {
  readonly #settings: Settings;
  readonly #logger: Logger;
  readonly #transport: Transport;
  readonly #buffer: EventBuffer;
  readonly #pump: Pump;
  readonly #closing = new AbortController();

  /**
   * Creates a publisher for the bus at `url`. It connects with the first event. See {@link
   * Publisher.connect}.
   *
   * @throws ConfigurationError if the URL or an option is invalid.
   */
  constructor(url: string, options?: PublisherOptions);
  constructor(options: PublisherOptions & { url: string });
  constructor(first: string | (PublisherOptions & { url: string }), second: PublisherOptions = {}) {
    const { url, ...rest } = isOptions(first) ? first : { url: first, ...second };
    this.#settings = resolveOptions(rest);
    this.#logger = safeLogger(rest.logger);
    this.#transport = transportFor(url, this.#settings);
    const { bufferEvents: events, bufferBytes: bytes } = this.#settings;
    this.#buffer = new EventBuffer({ events, bytes }, this.#logger);
    this.#pump = new Pump(this.#transport, this.#buffer, this.#logger);
  }

  /**
   * Creates a publisher and tries to connect to Redis once. A wrong password is found now, and the
   * first event finds an open connection. This takes at most the connect timeout.
   *
   * An unreachable Redis is no error: a service must be able to start while Redis is down.
   * `enqueue` works at once; `publish` fails as unavailable until Redis can be reached. Over HTTP
   * nothing is sent before the first event.
   *
   * @throws ConfigurationError if the URL or an option is invalid, RefusedError if the bus rejects
   * the publisher.
   */
  static async connect(url: string, options?: PublisherOptions): Promise<Publisher>;
  static async connect(options: PublisherOptions & { url: string }): Promise<Publisher>;
  static async connect(first: string | (PublisherOptions & { url: string }), second: PublisherOptions = {}): Promise<Publisher> {
    const publisher = isOptions(first) ? new Publisher(first) : new Publisher(first, second);
    const failure = await publisher.#transport.open();
    if (failure === undefined) return publisher;
    if (failure.kind === "configuration") {
      await publisher.close({ timeout: 0 });
      throw failure.error;
    }
    publisher.#logger.warn("cannot connect yet; events wait in the buffer", { code: failure.error.code, error: failure.error.message });
    return publisher;
  }

  /**
   * Publishes one event and returns once the bus has it: with its id, its cursor, and how many
   * nodes had subscribers.
   *
   * Transient failures are retried until the `timeout` option has elapsed. Every attempt sends the
   * same event, so it is published once. An invalid event and a wrong password fail at once.
   *
   * @throws InvalidEventError, UnavailableError, TimedOutError, RefusedError or ClosedError
   */
  async publish<Data>(event: WirebellEvent<Data>): Promise<Published> {
    const stamped = this.#prepare(event);
    this.#mustBeOpen();
    const [answer] = await deliver(this.#transport, this.#settings.timeout, [stamped]);
    if (answer === undefined) throw new TimedOutError(this.#settings.timeout);
    if (answer instanceof WirebellError) throw answer;
    return new Published(answer, stamped, this.#transport);
  }

  /**
   * Publishes many events in batches, and returns a result for each in order, as
   * `Promise.allSettled` does.
   *
   * Events of one channel are added to its log in the given order, even after retries. The
   * `timeout` option applies to each batch of up to 256. After a batch that did not finish, later
   * batches are not sent and get its error. An invalid event is rejected alone and does not stop
   * the others.
   *
   * The order has one exception, which no client can prevent: Redis may briefly reject single
   * commands (when out of memory, for example) and accept the next. The rejected event then comes
   * after it.
   */
  async publishAll(events: Iterable<WirebellEvent>): Promise<PromiseSettledResult<Published>[]> {
    this.#mustBeOpen();
    const prepared = [...events].map((event) => this.#tryPrepare(event));
    const valid = prepared.flatMap((one) => (one instanceof WirebellError ? [] : [one]));
    const results = await deliver(this.#transport, this.#settings.timeout, valid);
    let next = 0;
    return prepared.map((one) => {
      const result = one instanceof WirebellError ? one : (results[next++] ?? new TimedOutError(this.#settings.timeout));
      if (one instanceof WirebellError || result instanceof WirebellError) return { status: "rejected", reason: result };
      return { status: "fulfilled", value: new Published(result, one, this.#transport) };
    });
  }

  /**
   * Adds an event to the buffer and returns at once, in any state of the bus. It never throws.
   * Events are published in the background, in the order of the calls, and retried without a limit.
   * The buffer bounds how many may wait.
   *
   * A rejected event is counted, logged with its id, and does not hold up later events. A wrong
   * password or API key is not the event's error: events wait until it is fixed.
   */
  enqueue<Data>(event: WirebellEvent<Data>): Enqueued {
    const stamped = this.#tryPrepare(event);
    if (stamped instanceof WirebellError) {
      this.#buffer.countInvalid();
      return { accepted: false, reason: "invalid", error: stamped };
    }
    const pushed = this.#buffer.push(stamped, Buffer.byteLength(toWire(stamped)));
    return pushed === "accepted" ? { accepted: true, id: stamped.id } : { accepted: false, reason: pushed, id: stamped.id };
  }

  /**
   * Returns the delivery status of an event on each of its channels: when the bus accepted it, to
   * which connections it was written, which devices acknowledged it, whether it expired or went to
   * the fallback stream. The list is empty without a delivery record: the event was never
   * published, had none of `receipt`, `deadline` and `deliverAt`, or is too old.
   */
  async receipts(id: string): Promise<Receipt[]> {
    this.#mustBeOpen();
    return retryUntil(this.#settings.timeout, () => this.#transport.receipts(id));
  }

  /**
   * Returns the stream of receipts: the final delivery status of every tracked event on this bus,
   * from all publishers. It is for a service that publishes too many events to wait for each. Only
   * over Redis.
   *
   * ```js
   * for await (const { id, channel, outcome } of wb.follow({ group: "orders" })) { … }
   * ```
   *
   * @throws ConfigurationError over HTTP, and for an invalid option
   */
  follow(options: FollowOptions = {}): Receipts {
    this.#mustBeOpen();
    if (!(this.#transport instanceof RedisBus)) throw httpHasNoStreams();
    return new Receipts(this.#transport, options, this.#closing.signal);
  }

  /**
   * Cancels an event whose `deliverAt` is in the future. Repeating the call changes nothing and
   * returns the same.
   */
  async cancel(id: string): Promise<Cancelled> {
    this.#mustBeOpen();
    return retryUntil(this.#settings.timeout, () => this.#transport.cancel(id));
  }

  /**
   * Waits until every event enqueued so far is published or rejected, at most `timeout`
   * milliseconds.
   */
  async flush(options: { timeout?: number } = {}): Promise<Flushed> {
    return this.#buffer.flushed(flushTimeout(options));
  }

  /**
   * Stops accepting events, waits as {@link flush} does, at most 5,000 ms by default, and closes
   * the connections. Call it before the process ends.
   */
  async close(options: { timeout?: number } = {}): Promise<Flushed> {
    const timeout = flushTimeout(options);
    this.#closing.abort();
    this.#buffer.close();
    const flushed = await this.#buffer.flushed(timeout);
    this.#pump.stop();
    this.#transport.close();
    if (flushed.waiting > 0) this.#logger.warn("the publisher was closed while events waited; they are lost", { waiting: flushed.waiting });
    return flushed;
  }

  /** Returns the counters of the events passed to `enqueue`. */
  counters(): Counters {
    return this.#buffer.counters();
  }

  #prepare(event: WirebellEvent): StampedEvent {
    return stamp(check(event), this.#settings.durability);
  }

  #tryPrepare(event: WirebellEvent): StampedEvent | WirebellError {
    try {
      return this.#prepare(event);
    } catch (error) {
      if (error instanceof WirebellError) return error;
      // Reading an attribute may run the caller's code.
      return new WirebellError("invalid_event", "the event cannot be read", { cause: error });
    }
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw new ClosedError();
  }
}

function flushTimeout(options: { timeout?: number }): number {
  const timeout = options.timeout ?? CLOSE_TIMEOUT;
  number("timeout", timeout, 0, 2 ** 31 - 1);
  return timeout;
}

function isOptions(first: unknown): first is PublisherOptions & { url: string } {
  if (typeof first !== "object") return false;
  if (first === null) throw invalidOption("url", "expected the URL of the bus");
  return true;
}
