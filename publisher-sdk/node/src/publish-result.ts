// Outcomes: what the publisher is told once the bus has its event.

/** What became of one event: its id, and what happened on each of its channels. */
export interface PublishResult {
  /** The event's id, given by the publisher or made for it. */
  id: string;
  /** One entry a channel, in the order of `to`. */
  channels: ChannelResult[];
}

/** What happened on one channel. */
export interface ChannelResult {
  channel: string;
  /** Where the event stands in the channel's log; absent for what is not stored. */
  cursor?: string;
  /**
   * How many nodes listened for the channel at that moment: 0 means that nobody is connected. A node goes on listening
   * for some seconds after its last session of the channel has gone.
   */
  nodes: number;
  /** It is kept until its `deliverAt`, and was not published yet. */
  scheduled?: boolean;
}
