// Writes values as JSON. Error messages contain nothing of the payload.

import { RawJson } from "./raw-json.js";

/**
 * Returns the value as JSON text, or why it cannot be written. {@link RawJson} is returned
 * unchanged.
 */
export function writeJson(value: unknown): { readonly text: string } | { readonly why: string } {
  const written = value instanceof RawJson ? { text: value.text } : stringify(value);
  if ("text" in written && !written.text.isWellFormed()) return { why: "contains a lone surrogate, which has no UTF-8 encoding" };
  return written;
}

/** Returns the kind of a value for error messages, without its content. */
export function shape(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return "another number";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

// An error that a `toJSON` throws is reported the same way.
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
  if (message.includes("BigInt")) return "it contains a BigInt; write it as a string or a number";
  // The engine's message goes on with a drawing of the cycle over several lines.
  if (message.includes("circular")) return "it contains a cycle";
  return message;
}
