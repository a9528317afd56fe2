// A cursor: a position in a channel's log. It is the id of a Redis Stream entry: milliseconds, a dash, a sequence number.

const CURSOR = /^(\d+)-(\d+)$/;
const MOST = 18_446_744_073_709_551_615n;

/** The two numbers of a cursor; undefined where the text is none. */
export function parseCursor(text: string): [millis: bigint, sequence: bigint] | undefined {
  const match = CURSOR.exec(text);
  if (match === null) return undefined;
  const [millis, sequence] = [BigInt(match[1] ?? ""), BigInt(match[2] ?? "")];
  return millis > MOST || sequence > MOST ? undefined : [millis, sequence];
}

/**
 * The order of two cursors of one log: negative, zero or positive, as `Array.prototype.sort` takes it. As texts they do
 * not sort: `10-2` comes before `10-10`.
 *
 * @throws TypeError if one of them is not a cursor.
 */
export function compareCursors(a: string, b: string): number {
  const [left, right] = [parseCursor(a), parseCursor(b)];
  if (left === undefined || right === undefined) throw new TypeError("expected a cursor as an event carries it, like `1763719200123-0`");
  const by = (x: bigint, y: bigint) => (x < y ? -1 : x > y ? 1 : 0);
  return by(left[0], right[0]) || by(left[1], right[1]);
}
