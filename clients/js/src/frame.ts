// Frames, as docs/protocol.md defines them.

/** An event as the node sent it. */
export interface WirebellEvent<Data = any, Type extends string = string> {
  readonly type: Type;
  readonly data: Data;
  readonly id: string;
  readonly channel: string;
  readonly time: string;
  /** The position in the log, of durable events. */
  readonly cursor?: string;
  /** The key of the value, of retained events. */
  readonly key?: string;
  readonly source?: string;
  /** The publisher requests an acknowledgement. */
  readonly ack?: boolean;
  readonly traceparent?: string;
}

/** A frame of the protocol. Events are frames as well. */
export interface Frame {
  type: string;
  [member: string]: any;
}

/** Returns whether the frame is an event; other types are reserved for the protocol. */
export const isEvent = (frame: Frame): boolean => !frame.type.startsWith("wirebell.");
