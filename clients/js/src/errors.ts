// What went wrong, with a code for programs.

/** `code` is one that the node gave, or one of the client's own: `offline`, `queue_full`, `timed_out`, `closed`, `token`,
 *  `unfinished`, `bad_frame`. */
export class WirebellError extends Error {
  readonly code: string;
  /** The channel concerned, if it is one channel. */
  readonly channel: string | undefined;

  constructor(code: string, message: string, channel?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "WirebellError";
    this.code = code;
    this.channel = channel;
  }
}
