// Reads the responses of the server API: publish results, receipts and problem documents.

import { InvalidEventError, RefusedError } from "../errors.js";
import { Failure } from "../failure.js";
import type { PublishResult, ChannelResult } from "../publish-result.js";
import { ATTRIBUTES } from "../protocol/check.js";
import { type Receipt, parseState } from "../protocol/receipt.js";
import type { Cancelled } from "../transport.js";

/** A complete HTTP response. */
export interface HttpResponse {
  readonly status: number;
  /** The delay of `Retry-After` in milliseconds, if the server sent it. */
  readonly retryAfter: number | undefined;
  readonly body: string;
}

/**
 * The server rejected the whole request, maybe because of one event or of its size. Smaller
 * requests may succeed.
 */
export const SPLIT = Symbol("split");

type Item = Record<string, unknown>;

// Error codes that concern the event itself.
const INVALID = ["invalid_event", "too_large", "unsupported"];
// Transient statuses: a retry may succeed.
const TRANSIENT = [408, 425, 429, 500, 502, 503, 504];
// Statuses that may concern the events in the request.
const BAD_REQUEST = [400, 413, 422];

/** Reads the response to a request with `wanted` events. */
export function readResults(response: HttpResponse, wanted: number): (PublishResult | Failure)[] | Failure | typeof SPLIT {
  const { status } = response;
  if (status >= 200 && status < 300) {
    const body = parse(response.body);
    const items = wanted === 1 && isObject(body) ? [body] : body;
    if (!Array.isArray(items) || items.length !== wanted) return notWirebell(status);
    return items.map((item: unknown) => readResult(item, status));
  }
  if (BAD_REQUEST.includes(status) && wanted > 1) return SPLIT;
  const failure = problem(parse(response.body), status, response.retryAfter);
  return BAD_REQUEST.includes(status) ? [failure] : failure;
}

/** Reads the receipts of an event; an empty list if the server has no delivery record. */
export function readReceipts(response: HttpResponse): Receipt[] | Failure {
  const body = parse(response.body);
  if (response.status === 200) {
    const receipts = isObject(body) && Array.isArray(body["channels"]) ? body["channels"].map(receipt) : [undefined];
    return receipts.some((one) => one === undefined) ? notWirebell(200) : (receipts as Receipt[]);
  }
  return isProblem(response, 404, body, "not_found") ? [] : failed(response, body);
}

/** Reads the result of cancelling an event. */
export function readCancelled(response: HttpResponse): Cancelled | Failure {
  const body = parse(response.body);
  if (response.status === 200) return "cancelled";
  if (isProblem(response, 409, body, "already_published")) return "published";
  return isProblem(response, 404, body, "not_found") ? "unknown" : failed(response, body);
}

function isProblem(response: HttpResponse, status: number, body: unknown, code: string): boolean {
  return response.status === status && isObject(body) && body["code"] === code;
}

function failed(response: HttpResponse, body: unknown): Failure {
  return response.status < 300 ? notWirebell(response.status) : problem(body, response.status, response.retryAfter);
}

// The server at this URL is not a Wirebell node.
function notWirebell(status: number): Failure {
  const detail = `expected the response of a Wirebell node, got another one with status ${status}; check the URL and port`;
  return Failure.configuration(new RefusedError("not_wirebell", detail, status));
}

function readResult(item: unknown, whole: number): PublishResult | Failure {
  if (!isObject(item)) return notWirebell(whole);
  const status = typeof item["status"] === "number" ? item["status"] : whole;
  if (status >= 300) return problem(item, status, undefined);
  const { id, channels } = item;
  if (typeof id !== "string" || !Array.isArray(channels)) return notWirebell(status);
  return { id, channels: channels as ChannelResult[] };
}

function problem(body: unknown, status: number, retryAfter: number | undefined): Failure {
  const item = isObject(body) ? body : {};
  const detail = text(item["detail"]) ?? text(item["title"]) ?? `status ${status} without a reason`;
  const code = text(item["code"]);
  if (TRANSIENT.includes(status)) return Failure.unavailable(detail, retryAfter);
  if (code !== undefined && INVALID.includes(code)) return Failure.event(new InvalidEventError(attribute(item), detail, code));
  const error = new RefusedError(code ?? `http_${status}`, detail, status);
  return BAD_REQUEST.includes(status) ? Failure.event(error) : Failure.configuration(error);
}

// Returns the attribute by its name in this SDK; `event` if the problem names none.
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
