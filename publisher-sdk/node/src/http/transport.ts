// HTTP as the way to the bus: the services' door of a node, or of a load balancer before several. The only file that
// calls `fetch`.

import { ClosedError } from "../errors.js";
import { Failure } from "../failure.js";
import type { Settings } from "../options.js";
import type { PublishResult } from "../publish-result.js";
import { type StampedEvent, toWire } from "../protocol/event.js";
import type { Receipt, State } from "../protocol/receipt.js";
import type { Cancelled, Transport } from "../transport.js";
import { invalidUrl } from "../url.js";
import { type Answer, SPLIT, readCancelled, readOutcomes, readReceipts } from "./response.js";

// Most bytes of events in one request.
const REQUEST_BYTES = 512 * 1024;
// Most bytes of an answer that are read: a node sends some hundred for an event.
const ANSWER_BYTES = 4 * 1024 * 1024;

/** The services' door of a node. */
export class HttpTransport implements Transport {
  readonly #events: string;
  readonly #headers: Record<string, string>;
  readonly #timeout: number;
  // What is on its way. One signal of all for each to listen to would keep something of every request.
  readonly #asked = new Set<AbortController>();
  #closed = false;

  /** @throws ConfigurationError with the code `bad_url` */
  constructor(url: string, settings: Settings) {
    this.#events = eventsUrl(url);
    this.#timeout = settings.answerTimeout;
    this.#headers = { "content-type": "application/json" };
    if (settings.serviceKey !== undefined) this.#headers["authorization"] = `Bearer ${settings.serviceKey}`;
  }

  // A service key is only looked at with an event, so there is nothing to learn beforehand.
  async open(): Promise<undefined> {
    return undefined;
  }

  // Posts the events in requests of a bounded size, one after the other.
  async send(events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]> {
    const bodies = events.map(toWire);
    const answers: (PublishResult | Failure)[] = [];
    let most = bodies.length;
    const give = (failure: Failure) => {
      while (answers.length < bodies.length) answers.push(failure);
    };
    while (answers.length < bodies.length) {
      if (Date.now() >= deadline) {
        give(Failure.overdue());
        break;
      }
      const rest = bodies.slice(answers.length);
      const batch = rest.slice(0, fitting(rest, most));
      const answer = await this.#ask("POST", "", batch.length === 1 ? batch[0] : `[${batch.join(",")}]`);
      const outcomes = answer instanceof Failure ? answer : readOutcomes(answer, batch.length);
      if (outcomes instanceof Failure) {
        give(outcomes);
      } else if (outcomes === SPLIT) {
        // Something about the whole was not to the door's liking; the parts may be.
        most = Math.ceil(batch.length / 2);
      } else {
        answers.push(...outcomes);
        const stopped = outcomes.find((outcome) => outcome instanceof Failure && outcome.stopsBatch);
        if (stopped instanceof Failure) give(stopped);
      }
    }
    return answers;
  }

  async states(id: string, channels: readonly string[], patience: number): Promise<(State | undefined)[] | Failure> {
    const receipts = await this.#receipts(id, patience);
    if (receipts instanceof Failure) return receipts;
    return channels.map((channel) => receipts.find((receipt) => receipt.channel === channel)?.state);
  }

  receipts(id: string): Promise<Receipt[] | Failure> {
    return this.#receipts(id, 0);
  }

  async cancel(id: string): Promise<Cancelled | Failure> {
    const answer = await this.#ask("DELETE", `/${encodeURIComponent(id)}`);
    return answer instanceof Failure ? answer : readCancelled(answer);
  }

  close(): void {
    this.#closed = true;
    for (const asked of this.#asked) asked.abort();
  }

  // What became of the event, once it is settled, or at the latest after `patience`, which counts in whole seconds.
  async #receipts(id: string, patience: number): Promise<Receipt[] | Failure> {
    const seconds = Math.floor(patience / 1000);
    const path = `/${encodeURIComponent(id)}${seconds > 0 ? `?wait=${seconds}` : ""}`;
    const answer = await this.#ask("GET", path, undefined, patience + this.#timeout);
    return answer instanceof Failure ? answer : readReceipts(answer);
  }

  async #ask(method: string, path: string, body?: string, timeout = this.#timeout): Promise<Answer | Failure> {
    if (this.#closed) return Failure.event(new ClosedError());
    const asked = new AbortController();
    const timer = setTimeout(() => asked.abort(), timeout);
    this.#asked.add(asked);
    try {
      const response = await fetch(this.#events + path, {
        method,
        headers: this.#headers,
        ...(body === undefined ? {} : { body }),
        // A redirect would carry the service key elsewhere.
        redirect: "manual",
        signal: asked.signal,
      });
      const text = await readText(response);
      return text instanceof Failure ? text : { status: response.status, after: retryAfter(response.headers), body: text };
    } catch (error) {
      if (this.#closed) return Failure.event(new ClosedError());
      return asked.signal.aborted ? Failure.timedOut(timeout) : Failure.unavailable(chain(error));
    } finally {
      clearTimeout(timer);
      this.#asked.delete(asked);
    }
  }
}

async function readText(response: Response): Promise<string | Failure> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES) return Failure.unavailable("the answer is too long");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

// How many of the bodies go into one request: at least one.
function fitting(bodies: readonly string[], most: number): number {
  let bytes = 0;
  let count = 0;
  for (const body of bodies.slice(0, most)) {
    bytes += Buffer.byteLength(body);
    if (bytes > REQUEST_BYTES) break;
    count += 1;
  }
  return Math.max(1, count);
}

function eventsUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalidUrl("the one given cannot be read as a URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw invalidUrl("the one given has a user or password: the service key goes to the option `serviceKey`");
  }
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(text)) throw invalidUrl("the one given has a query or a fragment");
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}/v1/events`;
}

// `Retry-After` in seconds, as a node gives it; a date is as good as none.
function retryAfter(headers: Headers): number | undefined {
  const seconds = headers.get("retry-after")?.trim() ?? "";
  return /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

// An error with its causes: the first alone says no more than that a request failed.
function chain(error: unknown): string {
  const words: string[] = [];
  for (let next = error; next instanceof Error && words.length < 5; next = next.cause) words.push(next.message || next.name);
  // Every address of a host was tried.
  const cause = (error as { cause?: { errors?: unknown[] } } | undefined)?.cause;
  for (const one of cause?.errors ?? []) if (one instanceof Error) words.push(one.message);
  return words.join(": ");
}
