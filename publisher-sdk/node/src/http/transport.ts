// The HTTP transport: publishes through the server API of a node, or of a load balancer before
// several nodes. In: stamped events, and ids of events to look up or cancel. Out: publish results,
// receipts, failures. `response.ts` reads the responses. This is the only file that calls `fetch`;
// it does not know Redis.

import { ClosedError } from "../errors.js";
import { Failure } from "../failure.js";
import type { Settings } from "../options.js";
import type { PublishResult } from "../publish-result.js";
import { type StampedEvent, toWire } from "../protocol/event.js";
import type { Receipt, State } from "../protocol/receipt.js";
import type { Cancelled, Transport } from "../transport.js";
import { invalidUrl } from "../url.js";
import { type HttpResponse, SPLIT, readCancelled, readReceipts, readResults } from "./response.js";

// Most bytes of events in one request.
const MAX_REQUEST_BYTES = 512 * 1024;
// Most bytes of a response. A node sends a few hundred per event.
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** The server API of a node. */
export class HttpTransport implements Transport {
  readonly #events: string;
  readonly #headers: Record<string, string>;
  readonly #timeout: number;
  // Requests in flight. One shared signal would retain memory for every request that listened to
  // it.
  readonly #inFlight = new Set<AbortController>();
  #closed = false;

  /** @throws ConfigurationError with the code `bad_url` */
  constructor(url: string, settings: Settings) {
    this.#events = eventsUrl(url);
    this.#timeout = settings.answerTimeout;
    this.#headers = { "content-type": "application/json" };
    if (settings.serviceKey !== undefined) this.#headers["authorization"] = `Bearer ${settings.serviceKey}`;
  }

  // The server checks the API key only together with an event, so there is nothing to find out
  // earlier.
  async open(): Promise<undefined> {
    return undefined;
  }

  // Posts the events in requests of bounded size, one after the other.
  async send(events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]> {
    const bodies = events.map(toWire);
    const results: (PublishResult | Failure)[] = [];
    let most = bodies.length;
    const fillWith = (failure: Failure) => {
      while (results.length < bodies.length) results.push(failure);
    };
    while (results.length < bodies.length) {
      if (Date.now() >= deadline) {
        fillWith(Failure.overdue());
        break;
      }
      const rest = bodies.slice(results.length);
      const batch = rest.slice(0, batchSize(rest, most));
      const response = await this.#request("POST", "", batch.length === 1 ? batch[0] : `[${batch.join(",")}]`);
      const read = response instanceof Failure ? response : readResults(response, batch.length);
      if (read instanceof Failure) {
        fillWith(read);
      } else if (read === SPLIT) {
        // The server rejected the batch as a whole. It may accept parts of it.
        most = Math.ceil(batch.length / 2);
      } else {
        results.push(...read);
        const stopped = read.find((result) => result instanceof Failure && result.stopsBatch);
        if (stopped instanceof Failure) fillWith(stopped);
      }
    }
    return results;
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
    const response = await this.#request("DELETE", `/${encodeURIComponent(id)}`);
    return response instanceof Failure ? response : readCancelled(response);
  }

  close(): void {
    this.#closed = true;
    for (const request of this.#inFlight) request.abort();
  }

  // Returns the receipts once all are final, or after `patience`, which counts in whole seconds.
  async #receipts(id: string, patience: number): Promise<Receipt[] | Failure> {
    const seconds = Math.floor(patience / 1000);
    const path = `/${encodeURIComponent(id)}${seconds > 0 ? `?wait=${seconds}` : ""}`;
    const response = await this.#request("GET", path, undefined, patience + this.#timeout);
    return response instanceof Failure ? response : readReceipts(response);
  }

  async #request(method: string, path: string, body?: string, timeout = this.#timeout): Promise<HttpResponse | Failure> {
    if (this.#closed) return Failure.event(new ClosedError());
    const request = new AbortController();
    const timer = setTimeout(() => request.abort(), timeout);
    this.#inFlight.add(request);
    try {
      const response = await fetch(this.#events + path, {
        method,
        headers: this.#headers,
        ...(body === undefined ? {} : { body }),
        // Following a redirect would send the API key to another server.
        redirect: "manual",
        signal: request.signal,
      });
      const text = await readText(response);
      return text instanceof Failure ? text : { status: response.status, retryAfter: retryAfter(response.headers), body: text };
    } catch (error) {
      if (this.#closed) return Failure.event(new ClosedError());
      return request.signal.aborted ? Failure.timedOut(timeout) : Failure.unavailable(withCauses(error));
    } finally {
      clearTimeout(timer);
      this.#inFlight.delete(request);
    }
  }
}

async function readText(response: Response): Promise<string | Failure> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_RESPONSE_BYTES) return Failure.unavailable(`the response is longer than ${MAX_RESPONSE_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

// Returns how many bodies go into the next request: at least one.
function batchSize(bodies: readonly string[], most: number): number {
  let bytes = 0;
  let count = 0;
  for (const body of bodies.slice(0, most)) {
    bytes += Buffer.byteLength(body);
    if (bytes > MAX_REQUEST_BYTES) break;
    count += 1;
  }
  return Math.max(1, count);
}

function eventsUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalidUrl("cannot be parsed");
  }
  if (url.username !== "" || url.password !== "") {
    throw invalidUrl("contains a user or password; pass the API key as the option `serviceKey`");
  }
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(text)) throw invalidUrl("has a query or a fragment");
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}/v1/events`;
}

// Reads `Retry-After` in seconds, as nodes send it. A date is ignored.
function retryAfter(headers: Headers): number | undefined {
  const seconds = headers.get("retry-after")?.trim() ?? "";
  return /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

// Returns the messages of an error and its causes: the first alone says only that a request failed.
function withCauses(error: unknown): string {
  const messages: string[] = [];
  for (let next = error; next instanceof Error && messages.length < 5; next = next.cause) messages.push(next.message || next.name);
  // The errors of all addresses of the host.
  const cause = (error as { cause?: { errors?: unknown[] } } | undefined)?.cause;
  for (const one of cause?.errors ?? []) if (one instanceof Error) messages.push(one.message);
  return messages.join(": ");
}
