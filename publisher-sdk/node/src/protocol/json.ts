// Writing values as JSON, and saying why one cannot be, with nothing of the payload in the words.

import { RawJson } from "./raw-json.js";

/** The value as JSON; one that is JSON already stays as it stands. */
export function writeJson(value: unknown): { readonly text: string } | { readonly why: string } {
  const written = value instanceof RawJson ? { text: value.text } : stringify(value);
  if ("text" in written && !written.text.isWellFormed()) return { why: "holds half of a surrogate pair, which UTF-8 cannot write" };
  return written;
}

/** What kind of value it is: enough for the one who wrote it, and nothing of the payload. */
export function shape(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return "another number";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

// Whatever a `toJSON` throws is the value's fault as well.
function stringify(value: unknown): { text: string } | { why: string } {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    return { why: `cannot be written as JSON: ${reason(error)}` };
  }
  return text === undefined ? { why: `cannot be written as JSON: it is ${shape(value)}` } : { text };
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes("BigInt")) return "it holds a BigInt; write it as a string or a number";
  // The engine goes on to draw the cycle, over several lines.
  if (message.includes("circular")) return "it holds a cycle";
  return message;
}
