// The inbox: a service handles what clients emit, and hears who comes and goes.
//
// What a client emits is in the inbox once. From there each service gets it, that is one worker of each consumer group, at
// least once: where a worker dies after it has handled the event and before it has said so, another handles it again. So
// what a handler does should be harmless twice; the event's id tells.

import type { ConfigurationError } from "../errors.js";
import { invalidOption } from "../options.js";
import type { WorkerCounters } from "../workers/lease-queue.js";
import type { WorkerOptions } from "../workers/options.js";
import { type Backlog, Worker } from "../workers/worker.js";
import { InboxClaim } from "./claim.js";
import type { InboxEvent, InboxJob } from "./event.js";
import { type Handled, inboxJobs } from "./jobs.js";
import { replyJson } from "./reply.js";

/** What can be chosen. Times are in milliseconds. */
export type InboxOptions = WorkerOptions;

/** Handles one event; what it returns, or what its promise comes to, is the reply. */
export type InboxHandler<Data = unknown> = (event: InboxEvent<Data>) => unknown;

/** One worker of a service on the inbox. */
export class Inbox implements AsyncIterable<InboxClaim> {
  readonly #worker: Worker<InboxJob, Handled>;
  readonly #handlers = new Map<string, InboxHandler>();

  private constructor(worker: Worker<InboxJob, Handled>) {
    this.#worker = worker;
  }

  /**
   * A worker of the service. A Redis that cannot be reached is no error: it is tried again until it is there. A wrong
   * password is one, and so is a URL that is not one of Redis.
   *
   * A service that is new gets everything that is kept.
   *
   * @throws ConfigurationError or RefusedError
   */
  static async connect(url: string, service: string, options: InboxOptions = {}): Promise<Inbox> {
    const calls = ["service", "chat"] as const;
    return new Inbox(await Worker.connect(url, { streams: "inbox", calls, group: service, kind: inboxJobs }, options));
  }

  /** Names the handler of a type. @throws ConfigurationError if the type has one */
  on<Data = unknown>(type: string, handler: InboxHandler<Data>): this {
    if (typeof type !== "string" || type === "") throw badHandler("expected the type of an event, such as `send-message`");
    if (typeof handler !== "function") throw badHandler("expected a function that handles the event");
    if (this.#handlers.has(type)) throw badHandler(`\`${type}\` has a handler`);
    this.#handlers.set(type, handler as InboxHandler);
    return this;
  }

  /**
   * Hands every event to the handler of its type, several at a time and one user's one after the other, until the worker is
   * closed, and returns when the last handler has. What throws is tried again later, and ends as a dead letter: see `tries` and `backoff`. Events whose type
   * has no handler are passed over.
   *
   * @throws ConfigurationError if there is no handler at all
   */
  async run(): Promise<void> {
    if (this.#handlers.size === 0) throw badHandler("there is none: expected `on` before `run`");
    await this.#worker.run(async ({ event }) => {
      const handler = this.#handlers.get(event.type);
      return handler === undefined ? "passed over" : { reply: replyJson(await handler(event)) };
    });
  }

  /**
   * The next event, of whatever type, to be finished with `done`, `passOver` or `failed`; undefined once the worker is closed.
   * While one of a user's events is in hand, the user's others wait.
   */
  async next(): Promise<InboxClaim | undefined> {
    const hold = await this.#worker.next();
    return hold === undefined ? undefined : new InboxClaim(hold);
  }

  /** Every event, one after the other, until the worker is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<InboxClaim, void, void> {
    for (let claim = await this.next(); claim !== undefined; claim = await this.next()) yield claim;
  }

  /** How much waits for the service. @throws UnavailableError and the like */
  backlog(): Promise<Backlog> {
    return this.#worker.backlog();
  }

  /** What this worker has done so far; what was passed over counts as done. */
  counters(): WorkerCounters {
    return this.#worker.counters();
  }

  /**
   * Takes nothing more, waits for what is in somebody's hand, but no longer than `timeout` milliseconds (usually 10,000),
   * and gives back the rest: other workers get it at once. Answers how many were still in hand at the end: they are tried
   * again by others once this worker counts as gone.
   */
  close(options: { timeout?: number } = {}): Promise<number> {
    return this.#worker.close(options);
  }
}

function badHandler(message: string): ConfigurationError {
  return invalidOption("on", message);
}
