// Channels: the addresses of events. A channel is `user:42`, `topic:news`, `conn:<connection id>`
// or `all`.

import { isConnectionId } from "./connection.js";

/** The longest channel name in bytes of UTF-8, including the kind. */
export const MAX_CHANNEL_BYTES = 256;

/** Why a text is not a channel name. */
export type ChannelError = "kind" | "empty" | "too_long" | "character" | "connection";

const MESSAGES: Record<ChannelError, string> = {
  kind: "expected `user:<id>`, `topic:<name>`, `conn:<connection id>` or `all`",
  empty: "the part after the colon is empty",
  too_long: `longer than ${MAX_CHANNEL_BYTES} bytes`,
  character: "a space, a control character, `{` or `}` is not allowed in a channel",
  connection: "not a connection id as in `wirebell.welcome`",
};

// These would break the hash tags of Redis or the header of an announcement; a lone surrogate has
// no UTF-8 encoding.
const FORBIDDEN = /[\p{White_Space}\p{Cc}{}\p{Cs}]/u;

/** Returns why the text is not a channel name; undefined if it is one. */
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

/** Returns the message for an error. */
export function channelErrorMessage(error: ChannelError): string {
  return MESSAGES[error];
}

/** Returns whether it is the channel of one connection, to which a client never reconnects. */
export function isConnection(channel: string): boolean {
  return channel.startsWith("conn:");
}
