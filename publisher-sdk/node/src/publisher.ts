// The publisher: three ways to publish, over whichever bus.

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
import { type Cancelled, type Transport, transportFor } from "./transport.js";
import { httpHasNoStreams } from "./url.js";

/** What `enqueue` did with an event. */
export type Enqueued =
  /** It waits in the buffer and is published as soon as the bus takes it, under this id. */
  | { readonly accepted: true; readonly id: string }
  /** `full`: the bus has been out of reach for too long, or is too slow. `closed`: the publisher was closed. */
  | { readonly accepted: false; readonly reason: "full" | "closed"; readonly id: string }
  /** The event itself is wrong. */
  | { readonly accepted: false; readonly reason: "invalid"; readonly error: WirebellError };

// For as long as a process that is told to end is usually given, less what others need of it.
const CLOSING = 5_000;

/** Publishes events. One for a process is enough: it has one connection and one buffer. */
export class Publisher {
  readonly #settings: Settings;
  readonly #logger: Logger;
  readonly #transport: Transport;
  readonly #buffer: EventBuffer;
  readonly #pump: Pump;
  readonly #closing = new AbortController();

  /**
   * A publisher to the bus at `url`; nothing is sent before the first event. See {@link Publisher.connect}.
   *
   * @throws ConfigurationError if the URL or an option is wrong.
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
   * A publisher that has reached for Redis once, so that a wrong password is found now and the first event finds a
   * connection.
   *
   * A Redis that cannot be reached is no error: a service must be able to start while Redis is down. `enqueue` works from
   * the first moment, `publish` fails as unavailable until Redis is there. This takes the connect timeout at the most.
   * Over HTTP nothing is sent before the first event.
   *
   * @throws ConfigurationError if the URL or an option is wrong, RefusedError if the bus says no.
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
    publisher.#logger.warn("no connection yet, events will wait for it", { code: failure.error.code, error: failure.error.message });
    return publisher;
  }

  /**
   * Publishes one event, and returns once the bus has it: its id, its place in the log, and how many nodes listened.
   *
   * It is tried until the `timeout` option is over, each time as the same event, so that it is published once however often
   * it is tried. A wrong event and a wrong password are told at once.
   *
   * @throws InvalidEventError, UnavailableError, TimedOutError, RefusedError or ClosedError
   */
  async publish<Data>(event: WirebellEvent<Data>): Promise<Published> {
    const stamped = this.#ready(event);
    this.#mustBeOpen();
    const [answer] = await deliver(this.#transport, this.#settings.timeout, [stamped]);
    if (answer === undefined) throw new TimedOutError(this.#settings.timeout);
    if (answer instanceof WirebellError) throw answer;
    return new Published(answer, stamped, this.#transport);
  }

  /**
   * Publishes many events, many at a time, and answers for each, in their order, as `Promise.allSettled` does.
   *
   * Events of one channel get into its log in the order given, also where some have to be tried again. The `timeout`
   * option holds for each run of up to 256. Once a run could not be finished, none behind it is sent, and the error stands
   * for each of them. An event that is wrong is refused in its place, and does not stop the others.
   *
   * One exception to the order, which no client can mend: where Redis turns away single commands for a moment (it is out
   * of memory, say) and takes the next, the event that was turned away comes after it.
   */
  async publishAll(events: Iterable<WirebellEvent>): Promise<PromiseSettledResult<Published>[]> {
    this.#mustBeOpen();
    const ready = [...events].map((event) => this.#tryReady(event));
    const sound = ready.flatMap((one) => (one instanceof WirebellError ? [] : [one]));
    const answers = await deliver(this.#transport, this.#settings.timeout, sound);
    let next = 0;
    return ready.map((one) => {
      const answer = one instanceof WirebellError ? one : (answers[next++] ?? new TimedOutError(this.#settings.timeout));
      if (one instanceof WirebellError || answer instanceof WirebellError) return { status: "rejected", reason: answer };
      return { status: "fulfilled", value: new Published(answer, one, this.#transport) };
    });
  }

  /**
   * Hands an event over and returns at once, whatever state the bus is in. It never throws. The event is published in the
   * background, in the order of enqueueing, for as long as that takes; the buffer bounds how much may wait.
   *
   * An event that is refused for good is counted and logged by its id, and does not hold up those behind it. A wrong
   * password or service key is not the event's fault: events wait until it is put right.
   */
  enqueue<Data>(event: WirebellEvent<Data>): Enqueued {
    const stamped = this.#tryReady(event);
    if (stamped instanceof WirebellError) {
      this.#buffer.countInvalid();
      return { accepted: false, reason: "invalid", error: stamped };
    }
    const pushed = this.#buffer.push(stamped, Buffer.byteLength(toWire(stamped)));
    return pushed === "accepted" ? { accepted: true, id: stamped.id } : { accepted: false, reason: pushed, id: stamped.id };
  }

  /**
   * What became of an event, on each of its channels: when the bus took it, to which connections it was written, which
   * devices have acknowledged it, whether it has expired or fallen back. Empty if the bus knows nothing of it: it never was
   * published, had neither `receipt` nor `deadline` nor `deliverAt`, or that is too long ago.
   */
  async receipts(id: string): Promise<Receipt[]> {
    this.#mustBeOpen();
    return retryUntil(this.#settings.timeout, () => this.#transport.receipts(id));
  }

  /**
   * The stream of receipts: what becomes of every watched event on this bus, whoever published it. For a service that
   * publishes too many to wait for each. Only over Redis.
   *
   * ```js
   * for await (const { id, channel, outcome } of wb.follow({ group: "orders" })) { … }
   * ```
   *
   * @throws ConfigurationError over HTTP, and for a wrong option
   */
  follow(options: FollowOptions = {}): Receipts {
    this.#mustBeOpen();
    if (!(this.#transport instanceof RedisBus)) throw httpHasNoStreams();
    return new Receipts(this.#transport, options, this.#closing.signal);
  }

  /** Cancels an event with `deliverAt` whose time has not come. Doing it once more changes nothing and answers the same. */
  async cancel(id: string): Promise<Cancelled> {
    this.#mustBeOpen();
    return retryUntil(this.#settings.timeout, () => this.#transport.cancel(id));
  }

  /** Waits until everything enqueued so far has been published or refused, but no longer than `timeout` milliseconds. */
  async flush(options: { timeout?: number } = {}): Promise<Flushed> {
    return this.#buffer.flushed(patience(options));
  }

  /**
   * Takes no more events, waits as {@link flush} does, and lets go of the connections: to be called before the process
   * ends. Usually it waits 5,000 ms at the most.
   */
  async close(options: { timeout?: number } = {}): Promise<Flushed> {
    const timeout = patience(options);
    this.#closing.abort();
    this.#buffer.close();
    const flushed = await this.#buffer.flushed(timeout);
    this.#pump.stop();
    this.#transport.close();
    if (flushed.waiting > 0) this.#logger.warn("the publisher is closed while events wait: they are lost", { waiting: flushed.waiting });
    return flushed;
  }

  /** What became of the events enqueued so far. */
  counters(): Counters {
    return this.#buffer.counters();
  }

  #ready(event: WirebellEvent): StampedEvent {
    return stamp(check(event), this.#settings.durability);
  }

  #tryReady(event: WirebellEvent): StampedEvent | WirebellError {
    try {
      return this.#ready(event);
    } catch (error) {
      if (error instanceof WirebellError) return error;
      // Reading an attribute may run code of the caller.
      return new WirebellError("invalid_event", "the event cannot be read", { cause: error });
    }
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw new ClosedError();
  }
}

function patience(options: { timeout?: number }): number {
  const timeout = options.timeout ?? CLOSING;
  number("timeout", timeout, 0, 2 ** 31 - 1);
  return timeout;
}

function isOptions(first: unknown): first is PublisherOptions & { url: string } {
  if (typeof first !== "object") return false;
  if (first === null) throw invalidOption("url", "expected the URL of the bus");
  return true;
}
