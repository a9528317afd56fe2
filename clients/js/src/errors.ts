// Errors of the client, with a code for programs.

/**
 * `code` is an error code of the node, or one of the client: `offline`, `queue_full`, `timed_out`,
 * `closed`, `token`, `unfinished`, `bad_frame`.
 */
export class WirebellError extends Error {
  readonly code: string;
  /** The channel, if the error concerns one. */
  readonly channel: string | undefined;

  constructor(code: string, message: string, channel?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "WirebellError";
    this.code = code;
    this.channel = channel;
  }
}
