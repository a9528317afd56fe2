// A cursor is a position in a channel's log, `<milliseconds>-<number>`.

const parts = (cursor: string) => cursor.split("-").map(Number) as [number, number];

/** Is the first one behind the second, further on in the log? Anything is behind no cursor at all. */
export function isBehind(one: string, other: string | undefined): boolean {
  if (other === undefined) return true;
  const [a, b] = [parts(one), parts(other)];
  return a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
}
