// The interface of a job type: which entries it reads, and how it finishes them.

import type { Failure } from "../failure.js";
import type { Entry } from "../redis/streams.js";

/** A parsed stream entry. */
export interface Job {
  /** The event's id. It is the same in every attempt. */
  readonly id: string;
  /** The number of this attempt, from 1. */
  readonly tries: number;
}

/** A step after Redis has the result. Its failure does not undo the result. */
export type FollowUp = (() => Promise<void>) | undefined;

/** A job type. Its methods may be called again after a failure. */
export interface JobKind<J extends Job, Result> {
  /** Reads an entry; returns undefined if it is not of this type. */
  read(entry: Entry): J | undefined;
  /** Returns a key: jobs with the same key are handed out one at a time, in order. */
  orderingKey?(job: J): string;
  /** Finishes a job. */
  done(entry: Entry, job: J, result: Result): Promise<Failure | FollowUp>;
  /** Moves an entry to the dead letters, once. An unreadable entry has no job. */
  deadLetter(entry: Entry, job: J | undefined, reason: string): Promise<Failure | FollowUp>;
  /** Most milliseconds between two polls of the streams. */
  readonly pollEvery: number;
  readonly messages: Messages;
}

/** The log messages of a job type. */
export interface Messages {
  readonly outage: string;
  readonly outageOver: string;
  /** An attempt failed and others remain; undefined if this is not logged. */
  readonly failed?: string;
  /** An entry became a dead letter without being handed out. */
  readonly dead: string;
  /** Why an entry cannot be read. */
  readonly unreadable: string;
  /** Redis did not get the result of a job. */
  readonly resultLost: string;
}
