// What can be chosen about a worker, with the reason for what is usual.

import type { Logger } from "../logger.js";
import { invalidOption, defined, number } from "../options.js";

/** What can be chosen. Times are in milliseconds. */
export interface WorkerOptions {
  /** The prefix of the keys in Redis, as the nodes have it in `bus.prefix`. Usual: `wb`. */
  prefix?: string | undefined;
  /**
   * How often an event is tried before it becomes a dead letter. A worker that dies over it has tried it, too. Usual: 10.
   */
  tries?: number | undefined;
  /** How long to wait before the second try; each wait is twice the one before. Usual: 1,000. */
  backoff?: number | undefined;
  /** How long to wait at most before any try. Usual: 300,000. */
  longestBackoff?: number | undefined;
  /**
   * A worker that has given no sign of life for so long is gone, and others take over what it had in its hand. A handler
   * may take longer than that: its worker goes on giving signs, unless something blocks the event loop. Usual: 30,000.
   */
  goneAfter?: number | undefined;
  /** How many events `run` hands out at once. Usual: 16. */
  atOnce?: number | undefined;
  /** The worker's name in the group. No two that run at the same time may share it. Usual: one that nobody else has. */
  worker?: string | undefined;
  /** Where outages and dead letters are told. Usual: `console`; `false` for nowhere. */
  logger?: Logger | false | undefined;
}

/** The options of the desk, each with its value. */
export interface WorkerSettings {
  tries: number;
  backoff: number;
  longestBackoff: number;
  goneAfter: number;
  atOnce: number;
}

const DEFAULTS: WorkerSettings = {
  tries: 10,
  // Together, ten tries take about eight minutes: an outage of whoever sends text messages, not a night.
  backoff: 1_000,
  longestBackoff: 300_000,
  // A worker says three times within that time that it is alive. A pause longer than that is a death.
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
