// Publishes events to Redis: first registers the timers of tracked events, then publishes the
// events.

import { Failure } from "../failure.js";
import type { PublishResult } from "../publish-result.js";
import * as calls from "../protocol/calls.js";
import type { StampedEvent } from "../protocol/event.js";
import type { Prepared } from "../protocol/prepared.js";
import type { RedisClient } from "./client.js";
import type { Reply } from "./connection.js";
import { type Batch, BatchResults, batches } from "./pipeline.js";
import { type Routes, scriptCall } from "./routes.js";

/** Sends the events in pipelines, one batch after the other. */
export async function send(client: RedisClient, events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]> {
  const results = new BatchResults(events);
  const routes = await client.routes();
  if (routes instanceof Failure) return results.finish(routes);
  for (const batch of batches(events)) {
    if (Date.now() >= deadline) return results.finish(Failure.overdue());
    results.add(batch, await publish(client, routes, batch));
    const stopped = results.stopped();
    if (stopped === undefined) continue;
    if (results.needsReconnect()) client.drop(routes);
    return results.finish(stopped);
  }
  return results.finish(Failure.unavailable("the bus did not reply for every channel"));
}

// Publishes one batch. All events of a channel are in one pipeline, in order.
async function publish(client: RedisClient, routes: Routes, batch: Batch): Promise<(calls.Accepted | Failure)[]> {
  const failed = await registerTimers(client, routes, batch);
  // Events after one that must be retried are not sent: they would overtake it.
  const end = [...failed].filter(([, failure]) => failure.stopsBatch).reduce((least, [index]) => Math.min(least, index), batch.length);
  const indexes = batch.flatMap((_, index) => (index < end && !failed.has(index) ? [index] : []));
  const requests = indexes.map((index) => {
    const event = eventAt(batch, index);
    return scriptCall(calls.publish(client.keys, event, client.retentions.of(event.channel)), isReplicated(event));
  });
  const stopped = failed.get(end) ?? Failure.unavailable("no reply");
  const results = batch.map((_, index): calls.Accepted | Failure => failed.get(index) ?? stopped);
  const replies = requests.length === 0 ? [] : await routes.request(requests);
  indexes.forEach((index, at) => (results[index] = accepted(replies[at])));
  return results;
}

// Registers the timers of the events that need one; the timers are in other slots. Returns the
// failures. Most events need no timer, and then no request is sent.
async function registerTimers(client: RedisClient, routes: Routes, batch: Batch): Promise<Map<number, Failure>> {
  const needed = batch.flatMap(([, event], index) => {
    const register = calls.register(client.keys, event, client.retentions.of(event.channel));
    return register === undefined ? [] : [{ index, request: scriptCall(register, isReplicated(event)) }];
  });
  if (needed.length === 0) return new Map();
  const replies = await routes.request(needed.map(({ request }) => request));
  return new Map(
    needed.flatMap(({ index }, at) => {
      const reply = replies[at];
      return reply instanceof Failure ? [[index, reply] as const] : [];
    }),
  );
}

function isReplicated(event: Prepared): boolean {
  return event.durability === "replicated";
}

function accepted(reply: Reply | undefined): calls.Accepted | Failure {
  if (reply instanceof Failure) return reply;
  return calls.accepted(reply) ?? Failure.unexpected("expected `new|again|scheduled <cursor> <nodes>` from the publish script");
}

function eventAt(batch: Batch, index: number): Prepared {
  const entry = batch[index];
  if (entry === undefined) throw new RangeError(`the batch has no event at index ${index}`);
  return entry[1];
}
