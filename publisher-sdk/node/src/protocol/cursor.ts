// A cursor: a position in a channel's log. It is the id of a Redis Stream entry: milliseconds, a
// dash, a sequence number.

const CURSOR = /^(\d+)-(\d+)$/;
const MOST = 18_446_744_073_709_551_615n;

/** Returns the two numbers of a cursor; undefined if the text is not one. */
export function parseCursor(text: string): [millis: bigint, sequence: bigint] | undefined {
  const match = CURSOR.exec(text);
  if (match === null) return undefined;
  const [millis, sequence] = [BigInt(match[1] ?? ""), BigInt(match[2] ?? "")];
  return millis > MOST || sequence > MOST ? undefined : [millis, sequence];
}

/**
 * Compares two cursors of one log: negative, zero or positive, as `Array.prototype.sort` expects.
 * Comparing them as text gives a wrong order: `10-2` comes before `10-10`.
 *
 * @throws TypeError if one of them is not a cursor.
 */
export function compareCursors(a: string, b: string): number {
  const [left, right] = [parseCursor(a), parseCursor(b)];
  if (left === undefined || right === undefined) throw new TypeError("expected the cursor of an event, like `1763719200123-0`");
  const by = (x: bigint, y: bigint) => (x < y ? -1 : x > y ? 1 : 0);
  return by(left[0], right[0]) || by(left[1], right[1]);
}
