// Frames, as docs/protocol.md has them.

/** An event, as the node sent it. */
export interface WirebellEvent<Data = any, Type extends string = string> {
  readonly type: Type;
  readonly data: Data;
  readonly id: string;
  readonly channel: string;
  readonly time: string;
  /** Its place in the log: of durable events. */
  readonly cursor?: string;
  /** What it is the newest value of: of retained events. */
  readonly key?: string;
  readonly source?: string;
  /** Somebody wants to know whether it was handled. */
  readonly ack?: boolean;
  readonly traceparent?: string;
}

export interface Frame {
  type: string;
  [member: string]: any;
}

export const isEvent = (frame: Frame): boolean => !frame.type.startsWith("wirebell.");
