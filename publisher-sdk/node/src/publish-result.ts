// The result of publishing an event.

/** The result of publishing one event: its id, and the result on each of its channels. */
export interface PublishResult {
  /** The event's id, set by the publisher or generated. */
  id: string;
  /** One result per channel, in the order of `to`. */
  channels: ChannelResult[];
}

/** The result on one channel. */
export interface ChannelResult {
  channel: string;
  /** The event's position in the channel's log; absent if it is not stored. */
  cursor?: string;
  /**
   * How many nodes were subscribed to the channel; 0 means that no client is subscribed. A node
   * stays subscribed for some seconds after its last session of the channel has disconnected.
   */
  nodes: number;
  /** True while the event waits for its `deliverAt` and is not published yet. */
  scheduled?: boolean;
}
