// What the record of a timer's event answers to an alarm.

/** What is due: nothing (`absent`, `done`), nothing before `at` (`later`), telling an `outcome`, or a `fallback`. */
export interface Alarm {
  readonly is: "absent" | "later" | "done" | "outcome" | "fallback";
  /** Milliseconds since the Unix epoch; 0 where there is no time. */
  readonly at: number;
  /** What has become of the event, of an outcome. */
  readonly what: string;
  /** The event as clients get it, of a fallback. */
  readonly frame: string;
}

const NUMBER = /^\d+$/;

/** Reads the answer of the alarm script; undefined where it is something else. */
export function parseAlarm(answer: unknown): Alarm | undefined {
  if (typeof answer !== "string") return undefined;
  const end = answer.indexOf("\n");
  const [line, frame] = end < 0 ? [answer, ""] : [answer.slice(0, end), answer.slice(end + 1)];
  const words = line.split(" ");
  const is = words[0];
  if (is === "absent" || is === "done") return { is, at: 0, what: "", frame: "" };
  const at = words.at(-1) ?? "";
  if (!NUMBER.test(at)) return undefined;
  if ((is === "later" || is === "fallback") && words.length === 2) return { is, at: Number(at), what: "", frame };
  if (is === "outcome" && words.length === 3) return { is, at: Number(at), what: words[1] ?? "", frame: "" };
  return undefined;
}
