// The client object of an app: events by name, emits, topics, and the connection status.
import { EmitQueue, randomId, type EmitOptions } from "./emit-queue.js";
import { WirebellError } from "./errors.js";
import { isEvent, type Frame, type WirebellEvent } from "./frame.js";
import { CursorStore } from "./cursor-store.js";
import type { Link, LinkOwner } from "./link.js";
import { Listeners, type Off } from "./listeners.js";
import type { Options } from "./options.js";
import type { Status } from "./status.js";

/** The data of each event type: `interface Events { "payment-status": { status: string } }`. */
export type EventMap<E> = { [Type in keyof E]: any };
/** The data and the reply of each emit type. */
export type EmitMap<S> = { [Type in keyof S]: { data?: any; reply?: any } };
/** Handles an event. The event is handled when it returns, or when its promise is fulfilled. */
export type Handler<Data, Type extends string = string> = (data: Data, event: WirebellEvent<Data, Type>) => unknown;

type Name<E> = keyof E & string;
type Anything = Record<string, any>;
type Field<T, Key extends string> = T extends { [K in Key]?: infer V } ? V : any;

/** A Wirebell client. `wirebell` creates it. */
export class Wirebell<E extends EventMap<E> = Anything, S extends EmitMap<S> = Record<string, { data: any; reply: any }>> {
  #link: Link;
  #cursors: CursorStore;
  #emits: EmitQueue;
  #handlers = new Listeners<Handler<any>>();
  #listeners = new Listeners<(what: any, more?: any) => void>();
  #topics = new Map<string, number>();
  #retained = new Map<string, WirebellEvent>();
  /**
   * The prefix of this client's refs. Tabs that share a connection also receive each other's
   * replies.
   */
  #refPrefix = randomId().slice(0, 8) + ".";
  #refs = 0;
  /** The channels of pending requests, by ref. */
  #requests = new Map<string, string>();
  #status: Status = { state: "connecting" };

  /** @internal */
  constructor(url: string, options: Options, link: (owner: LinkOwner) => Link) {
    this.#cursors = new CursorStore(storage(options), url);
    this.#emits = new EmitQueue(options.emitQueue ?? 256, () => this.#ref(), (frame) => this.#link.send(frame));
    this.#link = link({
      cursors: (user) => this.#cursors.of(user),
      received: (frame) => this.#received(frame),
      status: (status) => this.#statusChanged(status),
      failed: (error) => this.#failed(error),
      forget: () => this.#forget(),
    });
    if (options.connect !== false) this.connect();
  }

  /** The connection status. It is the same object until it changes. */
  get status(): Status {
    return this.#status;
  }

  /** Connects again after `close`, or after the client has stopped. Does nothing otherwise. */
  connect(): void {
    this.#link.open();
  }

  /** Closes the connection. Pending emits are rejected with `closed`. */
  close(): void {
    this.#link.close();
  }

  /**
   * Registers a handler for events of a type, or of every type with `"*"`. An event is handled when
   * all its handlers have returned and their promises are fulfilled.
   */
  on<T extends Name<E>>(type: T, handler: Handler<E[T], T>): Off;
  on(type: "*", handler: Handler<any>): Off;
  on(type: string, handler: Handler<any, any>): Off {
    return this.#handlers.on(type, handler);
  }

  /** Subscribes to a topic. `handler` gets all its events. */
  subscribe(channel: `topic:${string}`, handler?: Handler<any>): Off {
    const off = handler && this.#handlers.on(`#${channel}`, handler);
    const count = this.#topics.get(channel) ?? 0;
    this.#topics.set(channel, count + 1);
    if (!count) this.#subscribe(channel);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      off?.();
      const left = this.#topics.get(channel)! - 1;
      this.#topics.set(channel, left);
      // The unsubscribe is delayed: React, for example, may subscribe again at once.
      if (!left) setTimeout(() => this.#unsubscribe(channel));
    };
  }

  /** Sends an event to the services, and returns the reply. */
  emit<T extends Name<S>>(type: T, data?: Field<S[T], "data">, options: EmitOptions = {}): Promise<Field<S[T], "reply">> {
    if (this.#status.state === "closed") return Promise.reject(new WirebellError("closed", "the client is closed"));
    return this.#emits.emit(type, data, this.#status.state === "online", options);
  }

  /** Returns the newest retained event with this key or type; of one channel, if it is given. */
  retained<T extends Name<E>>(key: T, channel?: string): WirebellEvent<E[T], T> | undefined;
  retained(key: string, channel = ""): WirebellEvent | undefined {
    return this.#retained.get(`${channel} ${key}`);
  }

  /** Calls `run` when the result of `retained` may have changed. */
  onRetained(run: () => void): Off {
    return this.#listeners.on("retained", run);
  }

  /** Calls `run` when the connection status changes. */
  onStatus(run: (status: Status) => void): Off {
    return this.#listeners.on("status", run);
  }

  /**
   * Calls `run` when events of a channel are missing and no longer in the log: fetch the current
   * state then.
   */
  onGap(run: (gap: { channel: string }) => void): Off {
    return this.#listeners.on("gap", run);
  }

  /**
   * Calls `run` for background errors: of a handler, a subscription, a token. Without a listener
   * they go to the console.
   */
  onError(run: (error: WirebellError, event?: WirebellEvent) => void): Off {
    return this.#listeners.on("error", run);
  }

  #received(frame: Frame): void {
    if (isEvent(frame)) return this.#event(frame as unknown as WirebellEvent & Frame);
    const { type, ref, data, channel } = frame;
    if (type === "wirebell.welcome") return this.#welcomed(frame);
    if (type === "wirebell.gap") {
      this.#cursors.get(channel).gap();
      return void this.#notify("gap", { channel });
    }
    if ((ref && !ref.startsWith(this.#refPrefix)) || this.#emits.reply(frame)) return;
    const requested = this.#requests.get(ref);
    this.#requests.delete(ref);
    if (type === "wirebell.error") return this.#failed(new WirebellError(frame["code"], frame["message"], requested));
    if (!requested || !data.cursor) return;
    const position = this.#cursors.get(requested);
    if (position.unconfirmed === data.cursor) position.unconfirmed = undefined;
    this.#start(requested, data.cursor);
  }

  #ref(): string {
    return this.#refPrefix + ++this.#refs;
  }

  /** Sends a request about a channel. */
  #request(type: string, channel: string, cursor: string | undefined): void {
    if (this.#status.state !== "online") return;
    const ref = this.#ref();
    this.#requests.set(ref, channel);
    this.#link.send({ type: `wirebell.${type}`, channel, cursor, ref });
  }

  /** Stores the cursor at which a channel without a position starts. */
  #start(channel: string, cursor: string): void {
    const position = this.#cursors.get(channel);
    if (position.at) return;
    position.at = cursor;
    this.#cursors.save();
  }

  #welcomed({ user, connection, cursor, knew }: Frame): void {
    const known = this.#cursors.of(user);
    this.#requests.clear();
    this.#cursors.each((position, channel) => {
      position.reconnected();
      if (channel.startsWith("conn:") && channel !== `conn:${connection}`) this.#cursors.drop(channel);
      else this.#acknowledge(channel, position.unconfirmed);
    });
    for (const topic of this.#topics.keys()) this.#subscribe(topic);
    // The connect request had the cursor of the user's channel, unless the user was not readable
    // from the token.
    for (const channel of knew ? ["all"] : ["all", `user:${user}`]) {
      if (known[channel]) this.#link.send({ type: "wirebell.resume", cursors: { [channel]: known[channel] }, ref: this.#ref() });
    }
    if (cursor) this.#start(`user:${user}`, cursor);
    this.#emits.resend();
  }

  #subscribe(channel: string): void {
    this.#request("subscribe", channel, this.#cursors.get(channel).at);
  }

  #unsubscribe(channel: string): void {
    if (this.#topics.get(channel) !== 0) return;
    this.#topics.delete(channel);
    this.#cursors.drop(channel);
    this.#link.send({ type: "wirebell.unsubscribe", channel });
  }

  #event(event: WirebellEvent & Frame): void {
    const { type, channel, cursor, key, ack = false } = event;
    // A topic of another tab, or one just unsubscribed.
    if (channel.startsWith("topic:") && !this.#topics.has(channel)) return;
    if (key !== undefined && !this.#retain(event, key)) return;
    const position = cursor ? this.#cursors.get(channel) : undefined;
    const pending = cursor ? position!.add(cursor, ack) : undefined;
    if (cursor && !pending) return;
    const running = [...this.#handlers.of(type), ...this.#handlers.of("*"), ...this.#handlers.of(`#${channel}`)].map(async (run) => run(event.data, event));
    const finish = (state: "handled" | "failed" | "skipped") => {
      const { moved, acknowledge } = pending ? position!.finish(pending, state) : {};
      if (moved) this.#cursors.save();
      this.#acknowledge(channel, acknowledge);
    };
    if (!running.length) return finish("skipped");
    void Promise.allSettled(running).then((results) => {
      const failed = results.filter((result) => result.status === "rejected");
      for (const { reason } of failed) this.#failed(new WirebellError("handler", `a handler of ${type} failed: ${reason}`, channel, reason), event);
      finish(failed.length ? "failed" : "handled");
    });
  }

  /**
   * Stores a retained event. Returns false for a repeat: every new connection sends the retained
   * events again.
   */
  #retain(event: WirebellEvent, key: string): boolean {
    const own = `${event.channel} ${key}`;
    if (this.#retained.get(own)?.id === event.id) return false;
    for (const name of [own, ` ${key}`, ` ${event.type}`, `${event.channel} ${event.type}`]) this.#retained.set(name, event);
    this.#notify("retained", undefined);
    return true;
  }

  #acknowledge(channel: string, cursor: string | undefined): void {
    if (cursor) this.#request("ack", channel, cursor);
  }

  #forget(): void {
    this.#cursors.forget();
    this.#retained.clear();
    this.#notify("retained", undefined);
  }

  #statusChanged(status: Status): void {
    this.#status = status;
    if (status.state === "closed") this.#emits.fail("closed", status.message || "the client is closed");
    this.#notify("status", status);
  }

  #failed(error: WirebellError, event?: WirebellEvent): void {
    if (!this.#notify("error", error, event)) console.error(error);
  }

  /**
   * Calls the listeners; an error in one does not affect the others. Returns whether there are any.
   */
  #notify(name: string, what: unknown, more?: unknown): boolean {
    const all = this.#listeners.of(name);
    for (const run of all) {
      try {
        run(what, more);
      } catch (error) {
        console.error(error);
      }
    }
    return all.length > 0;
  }
}

function storage({ storage }: Options) {
  if (storage !== undefined) return storage;
  try {
    // Reading this property throws where storage is forbidden.
    return (globalThis as any).sessionStorage ?? null;
  } catch {
    return null;
  }
}
