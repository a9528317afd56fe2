// Events on their way to the services, until they are answered. Each keeps its id over reconnects, so that the node can tell that it
// has it already.
import { WirebellError } from "./errors.js";
import type { Frame } from "./frame.js";

export interface EmitOptions {
  /** Milliseconds until it counts as unanswered: 15,000. */
  timeout?: number;
  /** What makes it the same event when it is emitted again; made if absent. */
  id?: string;
  /** Refuse it at once while there is no connection, and do not let it wait for one. */
  onlineOnly?: boolean;
  traceparent?: string;
}

interface Waiting {
  frame: Frame;
  /** It waited for a connection, with all the others that did. */
  held?: boolean;
  timer: ReturnType<typeof setTimeout>;
  resolve(data: any): void;
  reject(error: WirebellError): void;
}

export const letters = (): string => Math.random().toString(36).slice(2);

export class Emits {
  #waiting = new Map<string, Waiting>();
  #most: number;
  #ref: () => string;
  #send: (frame: Frame) => void;

  constructor(most: number, ref: () => string, send: (frame: Frame) => void) {
    this.#most = most;
    this.#ref = ref;
    this.#send = send;
  }

  emit(type: string, data: unknown, online: boolean, options: EmitOptions): Promise<any> {
    const { timeout = 15_000, id = letters() + letters(), onlineOnly, traceparent } = options;
    return new Promise((resolve, reject) => {
      const refuse = (code: string, message: string) => reject(new WirebellError(code, message));
      if (!online && onlineOnly) return refuse("offline", "there is no connection");
      if (this.#waiting.size >= this.#most) return refuse("queue_full", `${this.#most} emits wait already`);
      const ref = this.#ref();
      const frame = { type, data, ref, id, traceparent };
      // What JSON cannot write is refused here, and not by a connection later.
      JSON.stringify(frame);
      const timer = setTimeout(() => this.#take(ref)?.reject(new WirebellError("timed_out", `no answer to ${type} within ${timeout} ms`)), timeout);
      this.#waiting.set(ref, { frame, timer, resolve, reject });
      if (online) this.#send(frame);
    });
  }

  /** Is this the answer to one of them? */
  answer({ type, ref, data, code, message }: Frame): boolean {
    const held = this.#waiting.get(ref);
    if (held?.held && code === "rate_limited") {
      // They all came at once, which is no fault of the app's. It has until its timeout.
      setTimeout(() => { if (this.#waiting.has(ref)) this.#send(held.frame); }, 1_000 + Math.random() * 1_000);
      return true;
    }
    const waiting = this.#take(ref);
    if (!waiting) return false;
    if (type === "wirebell.reply") waiting.resolve(data);
    else waiting.reject(new WirebellError(code, message));
    return true;
  }

  again(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.held = true;
      this.#send(waiting.frame);
    }
  }

  fail(code: string, message: string): void {
    for (const ref of [...this.#waiting.keys()]) this.#take(ref)!.reject(new WirebellError(code, message));
  }

  #take(ref: string): Waiting | undefined {
    const waiting = this.#waiting.get(ref);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(ref);
    return waiting;
  }
}
