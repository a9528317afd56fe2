// What the services' door answers: outcomes, problem documents, and lists of both.

import { InvalidEventError, RefusedError } from "../errors.js";
import { Failure } from "../failure.js";
import type { PublishResult, ChannelResult } from "../publish-result.js";
import { ATTRIBUTES } from "../protocol/check.js";
import { type Receipt, parseState } from "../protocol/receipt.js";
import type { Cancelled } from "../transport.js";

/** What came back, read whole. */
export interface Answer {
  readonly status: number;
  /** After how many milliseconds the door wants to be asked again, if it said so. */
  readonly after: number | undefined;
  readonly body: string;
}

/** The door refused the request as a whole for something that may be one event's fault, or its length. */
export const SPLIT = Symbol("split");

type Item = Record<string, unknown>;

// Codes that are an event's own fault.
const INVALID = ["invalid_event", "too_large", "unsupported"];
// What is worth another try.
const PASSING = [408, 425, 429, 500, 502, 503, 504];
// What may be the fault of what was sent.
const SENT = [400, 413, 422];

/** Reads the answer to a request with `wanted` events. */
export function readOutcomes(answer: Answer, wanted: number): (PublishResult | Failure)[] | Failure | typeof SPLIT {
  const { status } = answer;
  if (status >= 200 && status < 300) {
    const body = parse(answer.body);
    const items = wanted === 1 && isObject(body) ? [body] : body;
    if (!Array.isArray(items) || items.length !== wanted) return notOurs(status);
    return items.map((item: unknown) => outcome(item, status));
  }
  if (SENT.includes(status) && wanted > 1) return SPLIT;
  const failure = problem(parse(answer.body), status, answer.after);
  return SENT.includes(status) ? [failure] : failure;
}

/** What became of an event: none where the door knows nothing of it. */
export function readReceipts(answer: Answer): Receipt[] | Failure {
  const body = parse(answer.body);
  if (answer.status === 200) {
    const receipts = isObject(body) && Array.isArray(body["channels"]) ? body["channels"].map(receipt) : [undefined];
    return receipts.some((one) => one === undefined) ? notOurs(200) : (receipts as Receipt[]);
  }
  return is(answer, 404, body, "not_found") ? [] : failed(answer, body);
}

/** What came of cancelling an event. */
export function readCancelled(answer: Answer): Cancelled | Failure {
  const body = parse(answer.body);
  if (answer.status === 200) return "cancelled";
  if (is(answer, 409, body, "already_published")) return "published";
  return is(answer, 404, body, "not_found") ? "unknown" : failed(answer, body);
}

function is(answer: Answer, status: number, body: unknown, code: string): boolean {
  return answer.status === status && isObject(body) && body["code"] === code;
}

function failed(answer: Answer, body: unknown): Failure {
  return answer.status < 300 ? notOurs(answer.status) : problem(body, answer.status, answer.after);
}

// Something answers there that is not a services' door.
function notOurs(status: number): Failure {
  const detail = `expected the answer of a Wirebell node, found another with status ${status}`;
  return Failure.configuration(new RefusedError("not_wirebell", detail, status));
}

function outcome(item: unknown, whole: number): PublishResult | Failure {
  if (!isObject(item)) return notOurs(whole);
  const status = typeof item["status"] === "number" ? item["status"] : whole;
  if (status >= 300) return problem(item, status, undefined);
  const { id, channels } = item;
  if (typeof id !== "string" || !Array.isArray(channels)) return notOurs(status);
  return { id, channels: channels as ChannelResult[] };
}

function problem(body: unknown, status: number, after: number | undefined): Failure {
  const item = isObject(body) ? body : {};
  const words = text(item["detail"]) ?? text(item["title"]) ?? `answered ${status} without saying why`;
  const code = text(item["code"]);
  if (PASSING.includes(status)) return Failure.unavailable(words, after);
  if (code !== undefined && INVALID.includes(code)) return Failure.event(new InvalidEventError(attribute(item), words, code));
  const refused = new RefusedError(code ?? `http_${status}`, words, status);
  return SENT.includes(status) ? Failure.event(refused) : Failure.configuration(refused);
}

// As it is called here, if it is one of those that an event can be wrong in.
function attribute(item: Item): string {
  const wire = text(item["attribute"]);
  return Object.entries(ATTRIBUTES).find(([, name]) => name === wire)?.[0] ?? "event";
}

function receipt(item: unknown): Receipt | undefined {
  if (!isObject(item)) return undefined;
  const { channel, state, nodes, connections, acknowledged } = item;
  const known = parseState(text(state));
  if (typeof channel !== "string" || known === undefined || !Array.isArray(connections) || !Array.isArray(acknowledged)) return undefined;
  const number = (wire: string, name: string) => (typeof item[wire] === "number" ? { [name]: item[wire] } : {});
  return {
    channel,
    state: known,
    ...number("deliver_at", "deliverAt"),
    ...number("accepted_at", "acceptedAt"),
    ...(typeof item["cursor"] === "string" ? { cursor: item["cursor"] } : {}),
    nodes: typeof nodes === "number" ? nodes : 0,
    ...number("expires_at", "expiresAt"),
    ...number("deadline_at", "deadlineAt"),
    ...number("closes_at", "closesAt"),
    ...number("settled_at", "settledAt"),
    connections: connections as Receipt["connections"],
    moreConnections: typeof item["more_connections"] === "number" ? item["more_connections"] : 0,
    acknowledged: acknowledged as Receipt["acknowledged"],
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
