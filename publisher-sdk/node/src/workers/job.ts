// What makes one kind of worker another: which Streams it reads, what their entries say, and how they come to their end.

import type { Failure } from "../failure.js";
import type { Entry } from "../redis/streams.js";

/** What an entry says, once it is read. */
export interface Job {
  /** The event's id: the same however often it is handed out. */
  readonly id: string;
  /** Which try this is, from 1. */
  readonly tries: number;
}

/** What comes after an end that Redis knows of already: it can fail without undoing it. */
export type Afterwards = (() => Promise<void>) | undefined;

/** A kind of jobs. Each end is one try, which may be made again. */
export interface JobKind<J extends Job, Result> {
  /** Reads an entry; undefined if it is none of this kind. */
  read(entry: Entry): J | undefined;
  /** Jobs that have this in common are handed out one after the other. */
  turn?(job: J): string;
  /** It is done with. */
  done(entry: Entry, job: J, result: Result): Promise<Failure | Afterwards>;
  /** It is a dead letter, once, and done with. An entry that nobody can read has no job. */
  bury(entry: Entry, job: J | undefined, reason: string): Promise<Failure | Afterwards>;
  /** How many milliseconds may pass at most between two looks at the Streams. */
  readonly lookEvery: number;
  readonly words: Words;
}

/** What is told of this kind. */
export interface Words {
  readonly outage: string;
  readonly outageOver: string;
  /** One try that failed, while others remain; not told where it is undefined. */
  readonly failed?: string;
  /** An entry was given up that was never handed out. */
  readonly dead: string;
  /** Why nobody can read an entry. */
  readonly unreadable: string;
  /** Redis could not be told how a job ended. */
  readonly untold: string;
}
