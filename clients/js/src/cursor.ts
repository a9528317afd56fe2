// Cursors: positions in a channel's log, `<milliseconds>-<number>`.

const parts = (cursor: string) => cursor.split("-").map(Number) as [number, number];

/** Returns whether the first cursor is after the second. Every cursor is after none. */
export function isAfter(one: string, other: string | undefined): boolean {
  if (other === undefined) return true;
  const [a, b] = [parts(one), parts(other)];
  return a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
}
