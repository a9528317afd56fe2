// The reply of the alarm script: what is due for an event's timer.

/**
 * What is due: nothing (`absent`, `done`), nothing before `at` (`later`), a receipt (`outcome`) or
 * a `fallback`.
 */
export interface Alarm {
  readonly is: "absent" | "later" | "done" | "outcome" | "fallback";
  /** Milliseconds since the Unix epoch; 0 if there is no time. */
  readonly at: number;
  /** The delivery status, for `outcome`. */
  readonly what: string;
  /** The event as clients receive it, for `fallback`. */
  readonly frame: string;
}

const NUMBER = /^\d+$/;

/** Reads the reply of the alarm script; undefined if it is invalid. */
export function parseAlarm(reply: unknown): Alarm | undefined {
  if (typeof reply !== "string") return undefined;
  const end = reply.indexOf("\n");
  const [line, frame] = end < 0 ? [reply, ""] : [reply.slice(0, end), reply.slice(end + 1)];
  const words = line.split(" ");
  const is = words[0];
  if (is === "absent" || is === "done") return { is, at: 0, what: "", frame: "" };
  const at = words.at(-1) ?? "";
  if (!NUMBER.test(at)) return undefined;
  if ((is === "later" || is === "fallback") && words.length === 2) return { is, at: Number(at), what: "", frame };
  if (is === "outcome" && words.length === 3) return { is, at: Number(at), what: words[1] ?? "", frame: "" };
  return undefined;
}
