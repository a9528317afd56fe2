// The options of a worker, their checks, and the reasons for their default values.

import type { Logger } from "../logger.js";
import { invalidOption, defined, number } from "../options.js";

/** The options of a worker. Times are in milliseconds. */
export interface WorkerOptions {
  /** The prefix of all Redis keys, as in the nodes' `bus.prefix`. Default: `wb`. */
  prefix?: string | undefined;
  /**
   * Most attempts per event before it becomes a dead letter. An attempt during which the worker
   * died counts. Default: 10.
   */
  tries?: number | undefined;
  /** The wait before the second attempt; it doubles with every attempt. Default: 1,000. */
  backoff?: number | undefined;
  /** The longest wait before an attempt. Default: 300,000. */
  longestBackoff?: number | undefined;
  /**
   * A worker without a sign of life for this long is gone, and other workers take over its events.
   * A handler may take longer: its worker keeps renewing the leases, unless the event loop is
   * blocked. Default: 30,000.
   */
  goneAfter?: number | undefined;
  /** How many events `run` handles at once. Default: 16. */
  atOnce?: number | undefined;
  /** The worker's name in the group, unique among running workers. Default: a unique name. */
  worker?: string | undefined;
  /** The log for outages and dead letters. Default: `console`; `false` disables it. */
  logger?: Logger | false | undefined;
}

/** The options with all default values filled in. */
export interface WorkerSettings {
  tries: number;
  backoff: number;
  longestBackoff: number;
  goneAfter: number;
  atOnce: number;
}

const DEFAULTS: WorkerSettings = {
  tries: 10,
  // Ten attempts take about eight minutes: they survive a short outage of an SMS provider, not a
  // night.
  backoff: 1_000,
  longestBackoff: 300_000,
  // A worker renews its leases three times within this time. A longer pause counts as dead.
  goneAfter: 30_000,
  atOnce: 16,
};

const LONGEST = 2_147_483_647;

/** Checks the options. @throws ConfigurationError with the code `bad_option` */
export function resolveWorkerOptions(options: WorkerOptions): WorkerSettings {
  const given = defined(options, [...Object.keys(DEFAULTS), "prefix", "worker", "logger"]);
  const settings = { ...DEFAULTS, ...given } as WorkerSettings;
  number("tries", settings.tries, 1, LONGEST);
  number("backoff", settings.backoff, 0, LONGEST);
  number("longestBackoff", settings.longestBackoff, 0, LONGEST);
  number("goneAfter", settings.goneAfter, 100, LONGEST);
  number("atOnce", settings.atOnce, 1, 1_000);
  if (given.worker !== undefined && (typeof given.worker !== "string" || given.worker === "")) throw invalidOption("worker", "expected a name");
  const { tries, backoff, goneAfter, atOnce } = settings;
  return { tries, backoff, goneAfter, atOnce, longestBackoff: Math.max(backoff, settings.longestBackoff) };
}
