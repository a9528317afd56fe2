// The inbox as jobs of a worker: how an event there comes to its end, and how its emitter hears of it.

import { Failure } from "../failure.js";
import type { Logger } from "../logger.js";
import type { Answer, Told } from "../protocol/inbox.js";
import { deadLetter } from "../protocol/inbox.js";
import type { RedisBus } from "../redis/bus.js";
import { finish, tell } from "../redis/inbox.js";
import type { Entry, Group } from "../redis/streams.js";
import { retryUntil } from "../retry.js";
import { words } from "../workers/in-flight.js";
import type { Afterwards, JobKind } from "../workers/job.js";
import { type InboxJob, readJob } from "./event.js";

/** What came of an event: an answer in JSON, or that this service does not handle its type. */
export type Handled = { readonly reply: string } | "passed over";

// For how long it is tried to tell the emitter, who waits ten seconds in all.
const TELLING = 5_000;
const FAILED: Answer = { error: "service_failed" };

/** The jobs of one worker. */
export function inboxJobs(bus: RedisBus, group: Group, logger: Logger): JobKind<InboxJob, Handled> {
  const end = async ({ shard, id }: Entry, job: InboxJob | undefined, answer: Answer, dead?: readonly string[]) => {
    const of = job && { user: job.event.user, id: job.id };
    // Nobody waits for what cannot be read.
    const told = await finish(bus, { shard, entry: id, group: group.name }, of, job && answer, dead);
    if (told instanceof Failure) return told;
    const whom = job === undefined ? undefined : toWhom(job, told);
    return whom && afterwards(() => tell(bus, ...whom, answer), whom, logger);
  };
  return {
    read: readJob,
    turn: ({ event }) => event.user,
    done: (entry, job, handled) => (handled === "passed over" ? group.done([entry]) : end(entry, job, handled)),
    bury: (entry, job, reason) => end(entry, job, FAILED, deadLetter(entry.fields, group.name, entry.tries, reason)),
    // Somebody waits for the answer.
    lookEvery: 50,
    words: {
      outage: "the inbox cannot be read, and it is tried again",
      outageOver: "the inbox is read again",
      failed: "an event from a client could not be handled, and is tried again",
      dead: "an event from a client has become a dead letter",
      unreadable: "it is not an event of the inbox",
      untold: "nobody was told how handling an event ended: it will be tried again",
    },
  };
}

function toWhom({ event, ref }: InboxJob, told: Told): readonly [connection: string, ref: string] | undefined {
  if (told === "nobody") return undefined;
  if (told !== "own") return [told.connection, told.ref];
  return event.connection === undefined || ref === undefined ? undefined : [event.connection, ref];
}

// The event is done with: that its emitter does not hear of it is no reason to handle it once more.
function afterwards(how: () => Promise<Failure | undefined>, [connection]: readonly [string, string], logger: Logger): Afterwards {
  return async () => {
    try {
      await retryUntil<undefined>(TELLING, how);
    } catch (error) {
      logger.warn("an emitter could not be told what came of its event", { connection, error: words(error) });
    }
  };
}
