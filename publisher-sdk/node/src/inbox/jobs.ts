// The job type of inbox workers: finishes an event and sends the reply to its client.

import { Failure } from "../failure.js";
import type { Logger } from "../logger.js";
import { type EmitterReply, type FinishResult, deadLetter } from "../protocol/inbox.js";
import type { RedisBus } from "../redis/bus.js";
import { finish, sendReply } from "../redis/inbox.js";
import type { Entry, Group } from "../redis/streams.js";
import { retryUntil } from "../retry.js";
import { messageOf } from "../workers/in-flight.js";
import type { FollowUp, JobKind } from "../workers/job.js";
import { type InboxJob, readJob } from "./event.js";

/**
 * The result of handling an event: a reply as JSON, or that this service does not handle its type.
 */
export type Handled = { readonly reply: string } | "skipped";

// How long sending a reply is retried, in milliseconds. The client waits ten seconds in total.
const REPLY_TIMEOUT = 5_000;
const FAILED: EmitterReply = { error: "service_failed" };

/** The job type of one worker. */
export function inboxJobs(bus: RedisBus, group: Group, logger: Logger): JobKind<InboxJob, Handled> {
  const end = async ({ shard, id }: Entry, job: InboxJob | undefined, reply: EmitterReply, dead?: readonly string[]) => {
    const event = job && { user: job.event.user, id: job.id };
    // Without a readable entry, no client is known that could wait for a reply.
    const finished = await finish(bus, { shard, entry: id, group: group.name }, event, job && reply, dead);
    if (finished instanceof Failure) return finished;
    const recipient = job === undefined ? undefined : recipientOf(job, finished);
    return recipient && sendLater(() => sendReply(bus, ...recipient, reply), recipient, logger);
  };
  return {
    read: readJob,
    orderingKey: ({ event }) => event.user,
    done: (entry, job, handled) => (handled === "skipped" ? group.done([entry]) : end(entry, job, handled)),
    deadLetter: (entry, job, reason) => end(entry, job, FAILED, deadLetter(entry.fields, group.name, entry.tries, reason)),
    // Short, because a client waits for the reply.
    pollEvery: 50,
    messages: {
      outage: "cannot read the inbox; retrying",
      outageOver: "reading the inbox again",
      failed: "handling a client event failed; it is retried",
      dead: "a client event became a dead letter",
      unreadable: "it is not an inbox event",
      resultLost: "Redis did not get the result of a client event; it will be delivered again",
    },
  };
}

// Returns the connection that waits for the reply, and its `ref`.
function recipientOf({ event, ref }: InboxJob, finished: FinishResult): readonly [connection: string, ref: string] | undefined {
  if (finished === "nobody") return undefined;
  if (finished !== "own") return [finished.connection, finished.ref];
  return event.connection === undefined || ref === undefined ? undefined : [event.connection, ref];
}

// The event is finished. A reply that cannot be sent is no reason to handle it again.
function sendLater(send: () => Promise<Failure | undefined>, [connection]: readonly [string, string], logger: Logger): FollowUp {
  return async () => {
    try {
      await retryUntil<undefined>(REPLY_TIMEOUT, send);
    } catch (error) {
      logger.warn("cannot send a reply to its client", { connection, error: messageOf(error) });
    }
  };
}
