// Retention: how long and how much is stored, per channel. Services and nodes must use the same
// values.

import { matches } from "./pattern.js";

/** How long and how much is stored. */
export interface Retention {
  /**
   * Events in a channel's log. Redis may keep some more, where trimming costs more than storing
   * them.
   */
  logEvents: number;
  /** Milliseconds that an event stays in its log. */
  logMillis: number;
  /** Milliseconds that an event id is remembered for deduplication. */
  seenMillis: number;
  /** Milliseconds that acknowledgements are awaited, and then that the delivery record is kept. */
  receiptMillis: number;
  /** Retained values per channel. */
  retainedKeys: number;
  /** Milliseconds that a channel keeps its retained values after the last change. */
  retainedMillis: number;
}

/** Other log bounds for matching channels. */
export interface LogRule {
  /** A pattern for channel names; `*` matches any characters: `topic:chat-*`. */
  channels: string;
  /** Events in each log. */
  events: number;
  /** Milliseconds that an event stays in the log. */
  millis: number;
}

const HOUR = 60 * 60 * 1000;

/** The default retention of nodes. */
export const DEFAULT_RETENTION: Readonly<Retention> = {
  logEvents: 1_000,
  logMillis: 24 * HOUR,
  seenMillis: HOUR / 12,
  receiptMillis: 24 * HOUR,
  retainedKeys: 1_000,
  retainedMillis: 30 * 24 * HOUR,
};

/**
 * The retention of every channel: a default, and rules for some channels. The first matching rule
 * applies.
 */
export class Retentions {
  readonly #default: Retention;
  readonly #rules: readonly LogRule[];

  constructor(retention: Partial<Retention> = {}, rules: readonly LogRule[] = []) {
    this.#default = { ...DEFAULT_RETENTION, ...retention };
    this.#rules = rules;
  }

  /** Returns the retention of this channel. */
  of(channel: string): Retention {
    const rule = this.#rules.find((rule) => matches(rule.channels, channel));
    return rule === undefined ? this.#default : { ...this.#default, logEvents: rule.events, logMillis: rule.millis };
  }
}
