// The options of a publisher, their checks, and the reasons for their default values.

import { ConfigurationError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { Durability } from "./protocol/event.js";
import { isPrefix } from "./protocol/keys.js";
import { type LogRule, type Retention, DEFAULT_RETENTION } from "./protocol/retention.js";

/** The options of a publisher. Times are in milliseconds. */
export interface PublisherOptions {
  /** The prefix of all Redis keys, as in the nodes' `bus.prefix`. Default: `wb`. */
  prefix?: string | undefined;
  /** The API key for the server API. Only over HTTP. */
  serviceKey?: string | undefined;
  /** How long `publish` retries in total. Default: 5,000. */
  timeout?: number | undefined;
  /** How long opening one connection may take. Default: 2,000. */
  connectTimeout?: number | undefined;
  /** How long the reply to one attempt may take. Default: 2,000. */
  answerTimeout?: number | undefined;
  /** Most events in the buffer of `enqueue`. Default: 10,000. */
  bufferEvents?: number | undefined;
  /** Most bytes of events in the buffer, as JSON. Default: 64 MiB. */
  bufferBytes?: number | undefined;
  /** The durability of events that do not set it, except volatile ones. Default: `primary`. */
  durability?: Durability | undefined;
  /** How much is kept, as configured on the nodes. Only over Redis. */
  retention?: Partial<Retention> | undefined;
  /** Other log bounds for matching channels, as in the nodes' `bus.logs`. Only over Redis. */
  logRules?: readonly LogRule[] | undefined;
  /**
   * The log for outages, overflows and rejected events. Default: `console`; `false` disables it.
   */
  logger?: Logger | false | undefined;
}

/** The options with all default values filled in. */
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
  // Short enough for a request with a waiting user, long enough for a restart of Redis.
  timeout: 5_000,
  connectTimeout: 2_000,
  // A healthy bus replies within milliseconds. This timeout detects a connection whose peer is
  // gone.
  answerTimeout: 2_000,
  // About the number of events that a busy service publishes during a failover of one minute.
  bufferEvents: 10_000,
  bufferBytes: 64 * 1024 * 1024,
  durability: undefined,
  retention: {},
  logRules: [],
  logger: undefined,
};

// The longest delay of a Node.js timer.
const LONGEST = 2_147_483_647;

/** Checks the options. @throws ConfigurationError with the code `bad_option` */
export function resolveOptions(options: PublisherOptions): Settings {
  const settings = { ...DEFAULTS, ...defined(options, Object.keys(DEFAULTS)) } as Settings;
  if (typeof settings.prefix !== "string" || !isPrefix(settings.prefix)) {
    throw invalidOption("prefix", "expected 1 to 32 characters of `a-z`, `A-Z`, `0-9`, `_`, `-` and `.`");
  }
  // The characters that RFC 9110 allows in a header value.
  if (settings.serviceKey !== undefined && !/^[\x21-\x7e]+$/.test(settings.serviceKey)) {
    throw invalidOption("serviceKey", "is empty or contains a character that is not allowed in an HTTP header");
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
  // Each attempt ends before the caller's timeout: only a finished attempt shows that the
  // connection is dead.
  return { ...settings, answerTimeout: Math.min(settings.answerTimeout, Math.max(1, Math.floor(settings.timeout * 0.8))) };
}

/** Returns the options that have a value. @throws ConfigurationError for an unknown option */
export function defined<T extends object>(options: T, known: readonly string[], path = ""): T {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name] of entries) {
    if (!known.includes(name)) throw invalidOption(path + name, `unknown option; expected ${known.join(", ")}`);
  }
  return Object.fromEntries(entries) as T;
}

/** The error for an invalid option. */
export function invalidOption(name: string, message: string): ConfigurationError {
  return new ConfigurationError("bad_option", `option \`${name}\`: ${message}`);
}

/** Checks that the value is a whole number within the bounds. */
export function number(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
  throw invalidOption(name, `expected a whole number from ${least} to ${most}`);
}
