// The inbox in Redis: being done with an entry, and telling the node of its connection.

import { Failure } from "../failure.js";
import { type Answer, type EntryPosition, type Told, answer, readTold, replyMessage } from "../protocol/inbox.js";
import type { RedisBus } from "./bus.js";
import { about, call } from "./routes.js";

/** Finishes with an entry, once; says who is to be told. */
export async function finish(
  bus: RedisBus,
  place: EntryPosition,
  of: { readonly user: string; readonly id: string } | undefined,
  what: Answer | undefined,
  dead?: readonly string[],
): Promise<Told | Failure> {
  const found = await bus.askOne(call(answer(bus.keys, place, of, what, dead)));
  if (found instanceof Failure) return found;
  return readTold(found) ?? Failure.unexpected("expected `done` or `gone`, a connection and a ref from the answer script");
}

/** Tells the node of that connection; a node that is gone is no failure. */
export async function tell(bus: RedisBus, connection: string, ref: string, what: Answer): Promise<Failure | undefined> {
  const heard = await bus.askOne(about("SPUBLISH", bus.keys.announceTo(connection), replyMessage(connection, ref, what)));
  return heard instanceof Failure ? heard : undefined;
}
