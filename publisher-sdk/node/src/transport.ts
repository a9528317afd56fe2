// The transports: one seam, one folder for each bus.

import type { Failure } from "./failure.js";
import { HttpTransport } from "./http/transport.js";
import type { Settings } from "./options.js";
import type { PublishResult } from "./publish-result.js";
import type { StampedEvent } from "./protocol/event.js";
import type { Receipt, State } from "./protocol/receipt.js";
import { RedisBus } from "./redis/bus.js";
import { invalidUrl, httpHasNoStreams } from "./url.js";

/** What came of cancelling an event. `published`: at least on one of its channels it was too late. */
export type Cancelled = "cancelled" | "published" | "unknown";

/** Where events go. What fails comes back as a {@link Failure}. */
export interface Transport {
  /** Reaches for the bus once, where there is a connection to keep. */
  open(): Promise<Failure | undefined>;
  /**
   * One try: sends the events in their order, and answers for each. After a failure that concerns more than one event,
   * those behind it are not sent and share it, so that none overtakes. Nothing more is sent after `deadline`.
   */
  send(events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]>;
  /**
   * Where the event stands on each of these channels. Over HTTP the answer may come as late as `patience` milliseconds
   * where nothing is settled yet; over Redis it comes at once.
   */
  states(id: string, channels: readonly string[], patience: number): Promise<(State | undefined)[] | Failure>;
  /** What became of the event on each of its channels that has a record. */
  receipts(id: string): Promise<Receipt[] | Failure>;
  /** Cancels a scheduled event. */
  cancel(id: string): Promise<Cancelled | Failure>;
  /** Lets go of the connections. */
  close(): void;
}

const REDIS = /^(?:redis|valkey)s?(?:-cluster|-sentinel)?$/;

/** Picks the transport by the URL's scheme. Nothing is sent yet. @throws ConfigurationError with the code `bad_url` */
export function transportFor(url: string, settings: Settings): Transport {
  const scheme = schemeOf(url);
  if (REDIS.test(scheme)) return new RedisBus(url, settings);
  if (scheme === "http" || scheme === "https") return new HttpTransport(url, settings);
  throw invalidUrl(scheme === "" ? "the one given has no scheme" : "the one given has another scheme");
}

/** The Redis at this URL, for what only it can do. @throws ConfigurationError with the code `bad_url` */
export function redisFor(url: string, settings: Settings): RedisBus {
  const transport = transportFor(url, settings);
  if (transport instanceof RedisBus) return transport;
  throw httpHasNoStreams();
}

function schemeOf(url: unknown): string {
  if (typeof url !== "string") throw invalidUrl("the one given is not a string");
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase() ?? "";
}
