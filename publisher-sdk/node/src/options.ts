// Everything about a publisher that can be chosen, with the reason for what is usual.

import { ConfigurationError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { Durability } from "./protocol/event.js";
import { isPrefix } from "./protocol/keys.js";
import { type LogRule, type Retention, DEFAULT_RETENTION } from "./protocol/retention.js";

/** What can be chosen. Times are in milliseconds. */
export interface PublisherOptions {
  /** The prefix of the keys in Redis, as the nodes have it in `bus.prefix`. Usual: `wb`. */
  prefix?: string | undefined;
  /** The key with which this service opens the services' door. Only over HTTP. */
  serviceKey?: string | undefined;
  /** For how long `publish` tries, all tries together. Usual: 5,000. */
  timeout?: number | undefined;
  /** For how long one connection may take to open. Usual: 2,000. */
  connectTimeout?: number | undefined;
  /** For how long the answer to one try may take. Usual: 2,000. */
  answerTimeout?: number | undefined;
  /** How many events may wait in the buffer behind `enqueue`. Usual: 10,000. */
  bufferEvents?: number | undefined;
  /** How many bytes of events, as JSON, may wait there. Usual: 64 MiB. */
  bufferBytes?: number | undefined;
  /** When an event counts as published that does not say so itself; volatile ones aside. Usual: `primary`. */
  durability?: Durability | undefined;
  /** How much is kept, as the nodes have it. Only over Redis. */
  retention?: Partial<Retention> | undefined;
  /** Other bounds for the logs of the channels that fit, as the nodes have them in `bus.logs`. Only over Redis. */
  logRules?: readonly LogRule[] | undefined;
  /** Where outages, overflows and refused events are told. Usual: `console`; `false` for nowhere. */
  logger?: Logger | false | undefined;
}

/** The options, each with its value. */
export interface Settings {
  prefix: string;
  serviceKey: string | undefined;
  timeout: number;
  connectTimeout: number;
  answerTimeout: number;
  bufferEvents: number;
  bufferBytes: number;
  durability: Durability | undefined;
  retention: Partial<Retention>;
  logRules: readonly LogRule[];
  logger: Logger | false | undefined;
}

const DEFAULTS: Settings = {
  prefix: "wb",
  serviceKey: undefined,
  // Short enough for the request that somebody waits for, long enough for a restart of Redis.
  timeout: 5_000,
  connectTimeout: 2_000,
  // A healthy bus answers within milliseconds; this finds the connection whose other end is gone.
  answerTimeout: 2_000,
  // About as many as a busy service publishes in the minute that a failover may take, in memory that it can spare.
  bufferEvents: 10_000,
  bufferBytes: 64 * 1024 * 1024,
  durability: undefined,
  retention: {},
  logRules: [],
  logger: undefined,
};

// The longest time that a timer of Node.js can wait.
const LONGEST = 2_147_483_647;

/** Checks the options. @throws ConfigurationError with the code `bad_option` */
export function resolveOptions(options: PublisherOptions): Settings {
  const settings = { ...DEFAULTS, ...defined(options, Object.keys(DEFAULTS)) } as Settings;
  if (typeof settings.prefix !== "string" || !isPrefix(settings.prefix)) {
    throw invalidOption("prefix", "expected 1 to 32 characters of `a-z`, `A-Z`, `0-9`, `_`, `-` and `.`");
  }
  // As RFC 9110 has the values of headers.
  if (settings.serviceKey !== undefined && !/^[\x21-\x7e]+$/.test(settings.serviceKey)) {
    throw invalidOption("serviceKey", "holds a character that cannot stand in an HTTP header, or is empty");
  }
  for (const name of ["timeout", "connectTimeout", "answerTimeout"] as const) number(name, settings[name], 1, LONGEST);
  for (const name of ["bufferEvents", "bufferBytes"] as const) number(name, settings[name], 0, Number.MAX_SAFE_INTEGER);
  if (settings.durability !== undefined && settings.durability !== "primary" && settings.durability !== "replicated") {
    throw invalidOption("durability", "expected `primary` or `replicated`");
  }
  for (const [name, value] of Object.entries(defined(settings.retention, Object.keys(DEFAULT_RETENTION), "retention."))) {
    number(`retention.${name}`, value, 0, Number.MAX_SAFE_INTEGER);
  }
  for (const rule of settings.logRules) {
    if (typeof rule?.channels !== "string") throw invalidOption("logRules", "expected `channels` to be a pattern, like `topic:chat-*`");
    number("logRules.events", rule.events, 1, Number.MAX_SAFE_INTEGER);
    number("logRules.millis", rule.millis, 1, Number.MAX_SAFE_INTEGER);
  }
  // Each try ends before the caller's patience does: only a try that ended says that the connection is dead.
  return { ...settings, answerTimeout: Math.min(settings.answerTimeout, Math.max(1, Math.floor(settings.timeout * 0.8))) };
}

/** The options that were given a value; none that does not exist. */
export function defined<T extends object>(options: T, known: readonly string[], path = ""): T {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name] of entries) {
    if (!known.includes(name)) throw invalidOption(path + name, `there is no such option; expected ${known.join(", ")}`);
  }
  return Object.fromEntries(entries) as T;
}

/** The error for an option. */
export function invalidOption(name: string, message: string): ConfigurationError {
  return new ConfigurationError("bad_option", `option \`${name}\`: ${message}`);
}

/** Checks a whole number. */
export function number(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
  throw invalidOption(name, `expected a whole number from ${least} to ${most}`);
}
