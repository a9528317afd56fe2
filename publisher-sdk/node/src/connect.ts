// Chooses the transport by the URL of the bus. Nothing is sent here.

import { HttpTransport } from "./http/transport.js";
import type { Settings } from "./options.js";
import { RedisBus } from "./redis/bus.js";
import type { Transport } from "./transport.js";
import { httpHasNoStreams, invalidUrl } from "./url.js";

const REDIS = /^(?:redis|valkey)s?(?:-cluster|-sentinel)?$/;

/**
 * Returns the transport for the URL's scheme. @throws ConfigurationError with the code `bad_url`
 */
export function transportFor(url: string, settings: Settings): Transport {
  const scheme = schemeOf(url);
  if (REDIS.test(scheme)) return new RedisBus(url, settings);
  if (scheme === "http" || scheme === "https") return new HttpTransport(url, settings);
  throw invalidUrl(scheme === "" ? "has no scheme" : "has an unsupported scheme");
}

/**
 * Returns the Redis bus, for features that only Redis has. @throws ConfigurationError with the code
 * `bad_url`
 */
export function redisFor(url: string, settings: Settings): RedisBus {
  const transport = transportFor(url, settings);
  if (transport instanceof RedisBus) return transport;
  throw httpHasNoStreams();
}

function schemeOf(url: unknown): string {
  if (typeof url !== "string") throw invalidUrl("is not a string");
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase() ?? "";
}
