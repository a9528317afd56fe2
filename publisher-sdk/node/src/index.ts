// The public API of the package: publish events to a user, a topic or all clients, on any node.
// In: events from a service, and the URL of the bus. Out: events on the bus, over Redis or over the
// server API of a node (HTTP); receipts, fallback events and client events back to the service.
// It contains the publisher, the receipt stream, and the workers for fallback and inbox events.
// It does not know how nodes deliver events to clients.

export type { Acknowledgement } from "./acknowledgement.js";
export type { Counters, Flushed } from "./buffer.js";
export {
  ClosedError,
  ConfigurationError,
  InvalidEventError,
  InvalidReplyError,
  NotAcknowledgedError,
  type NotAcknowledgedCode,
  RefusedError,
  TimedOutError,
  UnavailableError,
  WirebellError,
} from "./errors.js";
export { Claim, type Fallback, type FallbackEvent } from "./fallbacks/claim.js";
export { type FallbackCounters, Fallbacks, type FallbacksOptions } from "./fallbacks/fallbacks.js";
export { type FollowOptions, Receipts, type DeliveryUpdate, type DeliveryUpdate as Told } from "./receipts.js";
export { InboxClaim } from "./inbox/claim.js";
export type { InboxEvent } from "./inbox/event.js";
export { Inbox, type InboxHandler, type InboxOptions } from "./inbox/inbox.js";
export type { Logger } from "./logger.js";
export type { PublisherOptions } from "./options.js";
export type { ChannelResult, ChannelResult as Reached, PublishResult, PublishResult as Outcome } from "./publish-result.js";
export { compareCursors } from "./protocol/cursor.js";
export type { Class, Durability, WirebellEvent } from "./protocol/event.js";
export { ERROR_CODES, ERROR_CODES as FAULTS, type ErrorCode, type ErrorCode as Fault } from "./protocol/error-code.js";
export { RawJson, rawJson } from "./protocol/raw-json.js";
export { parseEvent } from "./protocol/read.js";
export type { Acknowledged, ConnectionStatus, ConnectionStatus as Noted, Receipt, State } from "./protocol/receipt.js";
export type { LogRule, Retention } from "./protocol/retention.js";
export { Published } from "./published.js";
export { type Enqueued, Publisher } from "./publisher.js";
export type { Cancelled } from "./transport.js";
export type { WorkerCounters } from "./workers/counters.js";
export type { WorkerOptions } from "./workers/options.js";
export type { Backlog } from "./workers/worker.js";
