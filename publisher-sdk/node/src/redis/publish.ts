// Publishing into Redis: first the timers of the events that have to be tracked, then the events.

import { Failure } from "../failure.js";
import type { PublishResult } from "../publish-result.js";
import * as calls from "../protocol/calls.js";
import type { StampedEvent } from "../protocol/event.js";
import type { Prepared } from "../protocol/prepared.js";
import type { RedisBus } from "./bus.js";
import type { Reply } from "./connection.js";
import { type Batch, BatchResults, batches } from "./pipeline.js";
import { type Routes, call } from "./routes.js";

/** Sends the events as pipelines, one batch after the other. */
export async function send(bus: RedisBus, events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]> {
  const results = new BatchResults(events);
  const routes = await bus.routes();
  if (routes instanceof Failure) return results.finish(routes);
  for (const batch of batches(events)) {
    if (Date.now() >= deadline) return results.finish(Failure.overdue());
    results.add(batch, await publish(bus, routes, batch));
    const stopped = results.stopped();
    if (stopped === undefined) continue;
    if (results.isElsewhere()) bus.forget(routes);
    return results.finish(stopped);
  }
  return results.finish(Failure.unavailable("not every channel was answered for"));
}

// One batch. All of a channel are in one pipeline, in their order.
async function publish(bus: RedisBus, routes: Routes, batch: Batch): Promise<(calls.Accepted | Failure)[]> {
  const unset = await setTimers(bus, routes, batch);
  // What comes behind an event that has to be tried again must not overtake it.
  const end = [...unset].filter(([, failure]) => failure.stopsBatch).reduce((least, [place]) => Math.min(least, place), batch.length);
  const places = batch.flatMap((_, place) => (place < end && !unset.has(place) ? [place] : []));
  const requests = places.map((place) => {
    const event = at(batch, place);
    return call(calls.publish(bus.keys, event, bus.retentions.of(event.channel)), isReplicated(event));
  });
  const stopped = unset.get(end) ?? Failure.unavailable("no answer");
  const answers = batch.map((_, place): calls.Accepted | Failure => unset.get(place) ?? stopped);
  const replies = requests.length === 0 ? [] : await routes.ask(requests);
  places.forEach((place, index) => (answers[place] = accepted(replies[index])));
  return answers;
}

// Sets the timers of those that need one, which stand in other slots; says whose could not be set. Most events need none,
// and then nothing is asked.
async function setTimers(bus: RedisBus, routes: Routes, batch: Batch): Promise<Map<number, Failure>> {
  const needed = batch.flatMap(([, event], place) => {
    const register = calls.register(bus.keys, event, bus.retentions.of(event.channel));
    return register === undefined ? [] : [{ place, request: call(register, isReplicated(event)) }];
  });
  if (needed.length === 0) return new Map();
  const answers = await routes.ask(needed.map(({ request }) => request));
  return new Map(
    needed.flatMap(({ place }, index) => {
      const answer = answers[index];
      return answer instanceof Failure ? [[place, answer] as const] : [];
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

function at(batch: Batch, place: number): Prepared {
  const entry = batch[place];
  if (entry === undefined) throw new RangeError("no such place in the batch");
  return entry[1];
}
