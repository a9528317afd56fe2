// The emits that wait for a reply. Each keeps its id over reconnects, so that the node recognizes a
// repetition.
import { WirebellError } from "./errors.js";
import type { Frame } from "./frame.js";

export interface EmitOptions {
  /** Milliseconds to wait for the reply. Default: 15,000. */
  timeout?: number;
  /** The idempotency key: emitting the same id again has no further effect. Default: generated. */
  id?: string;
  /** Reject it at once while there is no connection, instead of waiting for one. */
  onlineOnly?: boolean;
  traceparent?: string;
}

interface Pending {
  frame: Frame;
  /** It waited for a connection and was sent together with the others. */
  queued?: boolean;
  timer: ReturnType<typeof setTimeout>;
  resolve(data: any): void;
  reject(error: WirebellError): void;
}

/** Returns random letters and digits. */
export const randomId = (): string => Math.random().toString(36).slice(2);

/** The pending emits. */
export class EmitQueue {
  #waiting = new Map<string, Pending>();
  #most: number;
  #ref: () => string;
  #send: (frame: Frame) => void;

  constructor(most: number, ref: () => string, send: (frame: Frame) => void) {
    this.#most = most;
    this.#ref = ref;
    this.#send = send;
  }

  emit(type: string, data: unknown, online: boolean, options: EmitOptions): Promise<any> {
    const { timeout = 15_000, id = randomId() + randomId(), onlineOnly, traceparent } = options;
    return new Promise((resolve, reject) => {
      const rejectWith = (code: string, message: string) => reject(new WirebellError(code, message));
      if (!online && onlineOnly) return rejectWith("offline", "there is no connection");
      if (this.#waiting.size >= this.#most) return rejectWith("queue_full", `${this.#most} emits are waiting already`);
      const ref = this.#ref();
      const frame = { type, data, ref, id, traceparent };
      // Data that JSON cannot represent is rejected here, not later by a connection.
      JSON.stringify(frame);
      const timer = setTimeout(() => this.#remove(ref)?.reject(new WirebellError("timed_out", `no reply to ${type} within ${timeout} ms`)), timeout);
      this.#waiting.set(ref, { frame, timer, resolve, reject });
      if (online) this.#send(frame);
    });
  }

  /** Settles the emit that this frame replies to. Returns false if there is none. */
  reply({ type, ref, data, code, message }: Frame): boolean {
    const queued = this.#waiting.get(ref);
    if (queued?.queued && code === "rate_limited") {
      // All queued emits were sent at once, which is not the app's doing. It is sent again, until
      // its timeout.
      setTimeout(() => { if (this.#waiting.has(ref)) this.#send(queued.frame); }, 1_000 + Math.random() * 1_000);
      return true;
    }
    const waiting = this.#remove(ref);
    if (!waiting) return false;
    if (type === "wirebell.reply") waiting.resolve(data);
    else waiting.reject(new WirebellError(code, message));
    return true;
  }

  /** Sends all pending emits again over a new connection. */
  resend(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.queued = true;
      this.#send(waiting.frame);
    }
  }

  /** Rejects all pending emits. */
  fail(code: string, message: string): void {
    for (const ref of [...this.#waiting.keys()]) this.#remove(ref)!.reject(new WirebellError(code, message));
  }

  #remove(ref: string): Pending | undefined {
    const waiting = this.#waiting.get(ref);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(ref);
    return waiting;
  }
}
