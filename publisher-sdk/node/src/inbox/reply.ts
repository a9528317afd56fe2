// The reply of a service, as JSON.

import { InvalidReplyError } from "../errors.js";
import { MAX_REPLY_BYTES } from "../protocol/inbox.js";
import { writeJson } from "../protocol/json.js";

/** Returns the reply as JSON; `null` if there is none. @throws InvalidReplyError */
export function replyJson(reply: unknown): string {
  const written = writeJson(reply === undefined ? null : reply);
  if ("why" in written) throw new InvalidReplyError(written.why);
  const bytes = Buffer.byteLength(written.text);
  if (bytes <= MAX_REPLY_BYTES) return written.text;
  throw new InvalidReplyError(`${bytes} bytes; at most ${MAX_REPLY_BYTES}`, "too_large");
}
