// How long and how much is kept, which may differ from channel to channel. Services and nodes have to say the same.

import { matches } from "./pattern.js";

/** How long and how much is kept. */
export interface Retention {
  /** Events in a channel's log; Redis may keep some more, where trimming them costs more than they do. */
  logEvents: number;
  /** Milliseconds for which an event stays in its log. */
  logMillis: number;
  /** Milliseconds for which an event's id is remembered. */
  seenMillis: number;
  /** Milliseconds for which an acknowledgement is waited for, and then for which its record is kept. */
  receiptMillis: number;
  /** Retained values of a channel. */
  retainedKeys: number;
  /** Milliseconds for which a channel keeps its retained values after the last change. */
  retainedMillis: number;
}

/** Other bounds for the logs of the channels that fit. */
export interface LogRule {
  /** A pattern over names of channels, in which `*` stands for any run of characters: `topic:chat-*`. */
  channels: string;
  /** Events in each log. */
  events: number;
  /** Milliseconds for which an event stays there. */
  millis: number;
}

const HOUR = 60 * 60 * 1000;

/** What nodes keep unless they are told otherwise. */
export const DEFAULT_RETENTION: Readonly<Retention> = {
  logEvents: 1_000,
  logMillis: 24 * HOUR,
  seenMillis: HOUR / 12,
  receiptMillis: 24 * HOUR,
  retainedKeys: 1_000,
  retainedMillis: 30 * 24 * HOUR,
};

/** The retention of every channel: what is usual, and rules for some. The first rule that fits holds. */
export class Retentions {
  readonly #usual: Retention;
  readonly #rules: readonly LogRule[];

  constructor(usual: Partial<Retention> = {}, rules: readonly LogRule[] = []) {
    this.#usual = { ...DEFAULT_RETENTION, ...usual };
    this.#rules = rules;
  }

  /** What holds for this channel. */
  of(channel: string): Retention {
    const rule = this.#rules.find((rule) => matches(rule.channels, channel));
    return rule === undefined ? this.#usual : { ...this.#usual, logEvents: rule.events, logMillis: rule.millis };
  }
}
