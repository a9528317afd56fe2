// RFC 3339 times; a space may stand for the `T`. `Date.parse` accepts other formats and rejects
// some of these.

const SHAPE = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const MINUTE = 60_000;

/** Returns milliseconds since the Unix epoch; undefined if the text is not RFC 3339. */
export function parseTime(text: string): number | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const offset = (match[8] === "-" ? -1 : 1) * (offsetHour * 60 + offsetMinute) * MINUTE;
  const fraction = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  // A leap second counts as the last millisecond before it, and is valid only at the end of a month
  // in UTC.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, Math.min(second, 59), second === 60 ? 999 : fraction);
  const at = date.getTime() - offset;
  return second === 60 && !isEndOfMonth(at) ? undefined : at;
}

/** Returns RFC 3339 in UTC with milliseconds. Texts of the same length sort by time. */
export function writeTime(at: Date): string {
  return at.toISOString();
}

function daysOf(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

function isEndOfMonth(at: number): boolean {
  const next = new Date(at + 1);
  return next.getUTCDate() === 1 && next.getTime() % (24 * 60 * MINUTE) === 0;
}
