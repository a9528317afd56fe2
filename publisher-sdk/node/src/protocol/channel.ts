// A channel: the address of an event. `user:42`, `topic:news`, `conn:<connection id>` or `all`.

import { isConnectionId } from "./connection.js";

/** The longest channel name in bytes of UTF-8, kind included. */
export const MAX_CHANNEL_BYTES = 256;

/** Why a text is not the name of a channel. */
export type ChannelError = "kind" | "empty" | "too_long" | "character" | "connection";

const WORDS: Record<ChannelError, string> = {
  kind: "expected `user:<id>`, `topic:<name>`, `conn:<connection id>` or `all`",
  empty: "the part after the colon is empty",
  too_long: `longer than ${MAX_CHANNEL_BYTES} bytes`,
  character: "a space, a control character, `{` or `}` is not allowed in a channel",
  connection: "not a connection id as in `wirebell.welcome`",
};

// They would break Redis' hash tags or the header of an announcement; a lone surrogate has no bytes in UTF-8.
const FORBIDDEN = /[\p{White_Space}\p{Cc}{}\p{Cs}]/u;

/** What is wrong with the name; undefined where it names a channel. */
export function channelError(name: string): ChannelError | undefined {
  if (Buffer.byteLength(name) > MAX_CHANNEL_BYTES) return "too_long";
  if (name === "all") return undefined;
  const colon = name.indexOf(":");
  const kind = colon < 0 ? "" : name.slice(0, colon);
  if (kind !== "user" && kind !== "topic" && kind !== "conn") return "kind";
  const rest = name.slice(colon + 1);
  if (rest === "") return "empty";
  if (FORBIDDEN.test(rest)) return "character";
  if (kind === "conn" && !isConnectionId(rest)) return "connection";
  return undefined;
}

/** The sentence for that fault. */
export function channelErrorMessage(fault: ChannelError): string {
  return WORDS[fault];
}

/** Is it one session's channel, which nobody ever comes back to? */
export function isConnection(channel: string): boolean {
  return channel.startsWith("conn:");
}
