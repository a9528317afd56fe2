// A receipt: the delivery status of an event on one channel, read from its delivery record.

/** The state of an event on one channel. */
export type State = "scheduled" | "cancelled" | "accepted" | "acknowledged" | "fallen_back" | "expired";

/**
 * The delivery status of an event on one channel. Times are in milliseconds since the Unix epoch,
 * by the bus's clock.
 */
export interface Receipt {
  channel: string;
  /** The current state. */
  state: State;
  /** When it is published, if it was scheduled. */
  deliverAt?: number;
  /** When the bus accepted it. */
  acceptedAt?: number;
  /** Its position in the log. */
  cursor?: string;
  /** How many nodes had subscribers when it was published. */
  nodes: number;
  /** When it expires: after this time it is not delivered. */
  expiresAt?: number;
  /** When it goes to the fallback stream, unless a device has acknowledged it. */
  deadlineAt?: number;
  /** Until when acknowledgements are awaited, if there is no deadline. */
  closesAt?: number;
  /** When it reached its final state; absent for `scheduled` and `accepted`. */
  settledAt?: number;
  /** The delivery status on each connection, by time. */
  connections: ConnectionStatus[];
  /** How many further connections are not listed. */
  moreConnections: number;
  /** The acknowledgements of devices, by time. */
  acknowledged: Acknowledged[];
}

/** The delivery status of an event on one connection. */
export interface ConnectionStatus {
  /** The connection's id, which names its node. */
  connection: string;
  /** The device, as its token names it. */
  device?: string;
  /** `written` to the socket; `dropped` because the send buffer was full; or `expired` by then. */
  what: "written" | "dropped" | "expired";
  at: number;
}

/** The acknowledgement of one device. */
export interface Acknowledged {
  /** The device, as its token names it; the connection id if the token names none. */
  device: string;
  /** The connection of the device. */
  connection: string;
  at: number;
}

const STATES: readonly State[] = ["scheduled", "cancelled", "accepted", "acknowledged", "fallen_back", "expired"];
const CONNECTION_STATES: readonly ConnectionStatus["what"][] = ["written", "dropped", "expired"];
const NUMBER = /^\d+$/;

/** Returns the state with this name. */
export function parseState(name: string | undefined): State | undefined {
  return STATES.find((state) => state === name);
}

/** Returns whether the state never changes again. */
export function isFinal(state: State): boolean {
  return state !== "scheduled" && state !== "accepted";
}

/** Reads a delivery record from Redis; undefined if it does not exist. */
export function readRecord(channel: string, record: ReadonlyMap<string, string>): Receipt | undefined {
  if (!record.has("answer") && !record.has("deliver_at")) return undefined;
  const deadline = number(record.get("deadline"));
  const [state, finalAt] = stateOf(record);
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
    ...some("settledAt", finalAt),
    connections: fields.flatMap(connectionStatus).sort((a, b) => a.at - b.at || order(a.connection, b.connection)),
    moreConnections: number(record.get("more")) ?? 0,
    acknowledged: fields.flatMap(acknowledged).sort((a, b) => a.at - b.at || order(a.device, b.device)),
  };
}

// The first final state counts: an acknowledgement after the deadline is stored but does not change
// the state.
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

function connectionStatus([name, value]: [string, string]): ConnectionStatus[] {
  if (!name.startsWith("c:")) return [];
  const [at, word, ...rest] = value.split(" ");
  const what = CONNECTION_STATES.find((what) => what === word);
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
