// Workers of the inbox: a service handles the events that clients emit, and presence events. In:
// entries of the inbox. Out: events for handlers, replies to clients, and dead letters.
//
// Each client event is in the inbox once. Each consumer group delivers it to one of its workers at
// least once: if a worker dies after it handled the event and before it reported that, another
// worker handles it again. Handlers must be idempotent; the event's id identifies a repetition.

import type { ConfigurationError } from "../errors.js";
import { invalidOption } from "../options.js";
import type { WorkerCounters } from "../workers/counters.js";
import type { WorkerOptions } from "../workers/options.js";
import { type Backlog, Worker } from "../workers/worker.js";
import { InboxClaim } from "./claim.js";
import type { InboxEvent, InboxJob } from "./event.js";
import { type Handled, inboxJobs } from "./jobs.js";
import { replyJson } from "./reply.js";

/** Options of an inbox worker. Times are in milliseconds. */
export type InboxOptions = WorkerOptions;

/** Handles one event. The returned value, or that of the returned promise, is the reply. */
export type InboxHandler<Data = unknown> = (event: InboxEvent<Data>) => unknown;

/** One worker of a service on the inbox. */
export class Inbox implements AsyncIterable<InboxClaim> {
  readonly #worker: Worker<InboxJob, Handled>;
  readonly #handlers = new Map<string, InboxHandler>();

  private constructor(worker: Worker<InboxJob, Handled>) {
    this.#worker = worker;
  }

  /**
   * Starts a worker of the service. An unreachable Redis is retried and no error; a wrong password
   * and a URL of another scheme are errors.
   *
   * A new service starts with the oldest stored event.
   *
   * @throws ConfigurationError or RefusedError
   */
  static async connect(url: string, service: string, options: InboxOptions = {}): Promise<Inbox> {
    const noun = ["service", "chat"] as const;
    return new Inbox(await Worker.connect(url, { streams: "inbox", noun, group: service, kind: inboxJobs }, options));
  }

  /**
   * Registers the handler of an event type. @throws ConfigurationError if the type has one already
   */
  on<Data = unknown>(type: string, handler: InboxHandler<Data>): this {
    if (typeof type !== "string" || type === "") throw badHandler("expected the type of an event, such as `send-message`");
    if (typeof handler !== "function") throw badHandler("expected a function that handles the event");
    if (this.#handlers.has(type)) throw badHandler(`\`${type}\` has a handler already`);
    this.#handlers.set(type, handler as InboxHandler);
    return this;
  }

  /**
   * Passes every event to the handler of its type, several at a time but one at a time per user. It
   * ends when the worker is closed and the last handler has returned. If a handler throws, the event
   * is retried later and in the end becomes a dead letter: see `tries` and `backoff`. Events without
   * a handler for their type are skipped.
   *
   * @throws ConfigurationError if there is no handler at all
   */
  async run(): Promise<void> {
    if (this.#handlers.size === 0) throw badHandler("no handler is registered; call `on` before `run`");
    await this.#worker.run(async ({ event }) => {
      const handler = this.#handlers.get(event.type);
      return handler === undefined ? "skipped" : { reply: replyJson(await handler(event)) };
    });
  }

  /**
   * Returns the next event of any type; finish it with `done`, `passOver` or `failed`. Undefined
   * once the worker is closed. While an event is in flight, other events of the same user wait.
   */
  async next(): Promise<InboxClaim | undefined> {
    const inFlight = await this.#worker.next();
    return inFlight === undefined ? undefined : new InboxClaim(inFlight);
  }

  /** Iterates over the events, one after the other, until the worker is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<InboxClaim, void, void> {
    for (let claim = await this.next(); claim !== undefined; claim = await this.next()) yield claim;
  }

  /**
   * Returns how many events wait for the service. @throws UnavailableError or another WirebellError
   */
  backlog(): Promise<Backlog> {
    return this.#worker.backlog();
  }

  /** Returns the counters of this worker. Skipped events count as done. */
  counters(): WorkerCounters {
    return this.#worker.counters();
  }

  /**
   * Takes no more events, waits up to `timeout` milliseconds (10,000 by default) for those in
   * flight, and returns the rest to the group: other workers get them at once. Returns how many
   * were still in flight; others handle them again once this worker counts as gone.
   */
  close(options: { timeout?: number } = {}): Promise<number> {
    return this.#worker.close(options);
  }
}

function badHandler(message: string): ConfigurationError {
  return invalidOption("on", message);
}
