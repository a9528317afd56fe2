// Inbox requests to Redis: finishing an entry, and sending a reply to the node of its connection.

import { Failure } from "../failure.js";
import { type EmitterReply, type EntryPosition, type FinishResult, answer, readFinishResult, replyMessage } from "../protocol/inbox.js";
import type { RedisClient } from "./client.js";
import { command, scriptCall } from "./routes.js";

/** Finishes an entry, once, and returns which connection gets the reply. */
export async function finish(
  client: RedisClient,
  position: EntryPosition,
  event: { readonly user: string; readonly id: string } | undefined,
  reply: EmitterReply | undefined,
  dead?: readonly string[],
): Promise<FinishResult | Failure> {
  const found = await client.requestOne(scriptCall(answer(client.keys, position, event, reply, dead)));
  if (found instanceof Failure) return found;
  return readFinishResult(found) ?? Failure.unexpected("expected `done` or `gone`, a connection and a ref from the answer script");
}

/** Sends the reply to the node of the connection. A node that is gone is no failure. */
export async function sendReply(client: RedisClient, connection: string, ref: string, reply: EmitterReply): Promise<Failure | undefined> {
  const found = await client.requestOne(command("SPUBLISH", client.keys.announceTo(connection), replyMessage(connection, ref, reply)));
  return found instanceof Failure ? found : undefined;
}
