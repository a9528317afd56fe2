// W3C trace context of an event.

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Returns whether it is `00-<trace id>-<parent id>-<flags>` in lower-case hexadecimal, with no id
 * all zeros.
 */
export function isTraceparent(text: string): boolean {
  return TRACEPARENT.test(text);
}
