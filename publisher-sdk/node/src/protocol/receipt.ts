// A receipt: what became of an event on one channel, as its record has it.

/** Where an event stands. */
export type State = "scheduled" | "cancelled" | "accepted" | "acknowledged" | "fallen_back" | "expired";

/** What became of an event on one channel. Times are in milliseconds since the Unix epoch, by the bus' clock. */
export interface Receipt {
  channel: string;
  /** Where it stands now. */
  state: State;
  /** When it is to be published, if it was scheduled. */
  deliverAt?: number;
  /** When the bus took it. */
  acceptedAt?: number;
  /** Its place in the log. */
  cursor?: string;
  /** Nodes that listened for the channel then. */
  nodes: number;
  /** From when on it is not worth delivering. */
  expiresAt?: number;
  /** When it falls back, unless a device has acknowledged it before. */
  deadlineAt?: number;
  /** Until when an acknowledgement is waited for, if there is no deadline. */
  closesAt?: number;
  /** When it came to its state, unless that is `scheduled` or `accepted`. */
  settledAt?: number;
  /** What became of it on each connection, in order of time. */
  connections: ConnectionStatus[];
  /** Connections beyond those that were noted. */
  moreConnections: number;
  /** Which devices have acknowledged it, in order of time. */
  acknowledged: Acknowledged[];
}

/** What became of an event on one connection. */
export interface ConnectionStatus {
  /** The connection's id, which names its node. */
  connection: string;
  /** The device, as its token names it. */
  device?: string;
  /** Written to its socket; dropped, since its outbox was full; or too old by then. */
  what: "written" | "dropped" | "expired";
  at: number;
}

/** One device's acknowledgement. */
export interface Acknowledged {
  /** The device, as its token names it; the connection's id where it names none. */
  device: string;
  /** Over which connection. */
  connection: string;
  at: number;
}

const STATES: readonly State[] = ["scheduled", "cancelled", "accepted", "acknowledged", "fallen_back", "expired"];
const WHAT: readonly ConnectionStatus["what"][] = ["written", "dropped", "expired"];
const NUMBER = /^\d+$/;

/** The state of that name. */
export function parseState(name: string | undefined): State | undefined {
  return STATES.find((state) => state === name);
}

/** Will it never change again? */
export function isFinal(state: State): boolean {
  return state !== "scheduled" && state !== "accepted";
}

/** Reads a record, as Redis has it; none if there is none. */
export function readRecord(channel: string, record: ReadonlyMap<string, string>): Receipt | undefined {
  if (!record.has("answer") && !record.has("deliver_at")) return undefined;
  const deadline = number(record.get("deadline"));
  const [state, settled] = stateOf(record);
  const fields = [...record];
  const cursor = record.get("cursor");
  return {
    channel,
    state,
    ...some("deliverAt", number(record.get("deliver_at"))),
    ...some("acceptedAt", number(record.get("accepted"))),
    ...(cursor === undefined || cursor === "-" ? {} : { cursor }),
    nodes: number(record.get("nodes")) ?? 0,
    ...some("expiresAt", number(record.get("expires"))),
    ...some("deadlineAt", deadline),
    ...some("closesAt", deadline === undefined ? number(record.get("closes")) : undefined),
    ...some("settledAt", settled),
    connections: fields.flatMap(noted).sort((a, b) => a.at - b.at || order(a.connection, b.connection)),
    moreConnections: number(record.get("more")) ?? 0,
    acknowledged: fields.flatMap(acknowledged).sort((a, b) => a.at - b.at || order(a.device, b.device)),
  };
}

// What settled it first counts: an acknowledgement after the deadline is noted, and changes nothing.
function stateOf(record: ReadonlyMap<string, string>): [State, number | undefined] {
  const ends: [string, State][] = [
    ["fallen", "fallen_back"],
    ["expired", "expired"],
    ["acked", "acknowledged"],
  ];
  const end = ends.find(([field]) => record.has(field));
  if (end !== undefined) return [end[1], number(record.get(end[0]))];
  if (record.has("answer")) return ["accepted", undefined];
  return record.has("cancelled") ? ["cancelled", number(record.get("cancelled"))] : ["scheduled", undefined];
}

function noted([name, value]: [string, string]): ConnectionStatus[] {
  if (!name.startsWith("c:")) return [];
  const [at, word, ...rest] = value.split(" ");
  const what = WHAT.find((what) => what === word);
  if (what === undefined || at === undefined || !NUMBER.test(at)) return [];
  const device = rest.join(" ");
  return [{ connection: name.slice(2), ...(device === "" ? {} : { device }), what, at: Number(at) }];
}

function acknowledged([name, value]: [string, string]): Acknowledged[] {
  const space = value.indexOf(" ");
  if (!name.startsWith("a:") || space < 0 || !NUMBER.test(value.slice(0, space))) return [];
  return [{ device: name.slice(2), connection: value.slice(space + 1), at: Number(value.slice(0, space)) }];
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && NUMBER.test(text) ? Number(text) : undefined;
}

function some<Name extends string>(name: Name, value: number | undefined): Partial<Record<Name, number>> {
  return value === undefined ? {} : ({ [name]: value } as Partial<Record<Name, number>>);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
