// The Redis transport: publishes through one multiplexed connection per primary, with pipelines of
// scripts. In: stamped events, and ids of events to look up or cancel. Out: publish results,
// receipts, failures. A single server is the case of one primary that owns all slots. `client.ts`
// keeps the connections, `publish.ts` publishes, `records.ts` reads delivery records, `streams.ts`
// and `inbox.ts` serve the workers. It does not know HTTP or what a worker's jobs mean.

import type { Failure } from "../failure.js";
import type { PublishResult } from "../publish-result.js";
import type { StampedEvent } from "../protocol/event.js";
import type { Receipt, State } from "../protocol/receipt.js";
import type { Cancelled, Transport } from "../transport.js";
import { RedisClient } from "./client.js";
import { send } from "./publish.js";
import { cancel, receipts, states } from "./records.js";

/** Redis: a single server, a primary watched by Sentinels, or a Cluster. */
export class RedisBus extends RedisClient implements Transport {
  send(events: readonly StampedEvent[], deadline: number): Promise<(PublishResult | Failure)[]> {
    return send(this, events, deadline);
  }

  states(id: string, channels: readonly string[]): Promise<(State | undefined)[] | Failure> {
    return states(this, id, channels);
  }

  receipts(id: string): Promise<Receipt[] | Failure> {
    return receipts(this, id);
  }

  cancel(id: string): Promise<Cancelled | Failure> {
    return cancel(this, id);
  }
}
