// What an app holds: events by name, emits, topics, and how the connection is.
import { Emits, letters, type EmitOptions } from "./emits.js";
import { WirebellError } from "./errors.js";
import { isEvent, type Frame, type WirebellEvent } from "./frame.js";
import { Keeper } from "./keeper.js";
import type { Line, Upper } from "./line.js";
import { Listeners, type Off } from "./listeners.js";
import type { Options } from "./options.js";
import type { Status } from "./status.js";

/** What each type of event carries: `interface Events { "payment-status": { status: string } }`. */
export type EventMap<E> = { [Type in keyof E]: any };
/** What each type of emit carries, and what it is answered with. */
export type EmitMap<S> = { [Type in keyof S]: { data?: any; reply?: any } };
export type Handler<Data, Type extends string = string> = (data: Data, event: WirebellEvent<Data, Type>) => unknown;

type Name<E> = keyof E & string;
type Anything = Record<string, any>;
type Field<T, Key extends string> = T extends { [K in Key]?: infer V } ? V : any;

export class Wirebell<E extends EventMap<E> = Anything, S extends EmitMap<S> = Record<string, { data: any; reply: any }>> {
  #line: Line;
  #keeper: Keeper;
  #emits: Emits;
  #handlers = new Listeners<Handler<any>>();
  #told = new Listeners<(what: any, more?: any) => void>();
  #topics = new Map<string, number>();
  #retained = new Map<string, WirebellEvent>();
  /** Tabs that share a connection hear each other's answers, and know their own by this. */
  #own = letters().slice(0, 8) + ".";
  #refs = 0;
  #asked = new Map<string, string>();
  #status: Status = { state: "connecting" };

  /** @internal */
  constructor(url: string, options: Options, line: (upper: Upper) => Line) {
    this.#keeper = new Keeper(storage(options), url);
    this.#emits = new Emits(options.emitQueue ?? 256, () => this.#ref(), (frame) => this.#line.send(frame));
    this.#line = line({
      cursors: (user) => this.#keeper.of(user),
      heard: (frame) => this.#heard(frame),
      status: (status) => this.#changed(status),
      failed: (error) => this.#failed(error),
      forget: () => this.#forget(),
    });
    if (options.connect !== false) this.connect();
  }

  /** How the connection is now. The same object until it changes. */
  get status(): Status {
    return this.#status;
  }

  /** Comes back after `close`, or after the client has stopped by itself. Does nothing otherwise. */
  connect(): void {
    this.#line.open();
  }

  /** Says goodbye. What still waits for an answer is refused with `closed`. */
  close(): void {
    this.#line.close();
  }

  /** Handles events of a type, of every type with `"*"`. An event counts as handled when all its handlers have come back, and
   *  their promises are fulfilled. */
  on<T extends Name<E>>(type: T, handler: Handler<E[T], T>): Off;
  on(type: "*", handler: Handler<any>): Off;
  on(type: string, handler: Handler<any, any>): Off {
    return this.#handlers.on(type, handler);
  }

  /** Listens for a topic as well; `handler` gets all that comes there. */
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
      // Whoever subscribes again at once, as React does, has not left.
      if (!left) setTimeout(() => this.#unsubscribe(channel));
    };
  }

  /** Sends an event to the services, and gives what they answer. */
  emit<T extends Name<S>>(type: T, data?: Field<S[T], "data">, options: EmitOptions = {}): Promise<Field<S[T], "reply">> {
    if (this.#status.state === "closed") return Promise.reject(new WirebellError("closed", "the client is closed"));
    return this.#emits.emit(type, data, this.#status.state === "online", options);
  }

  /** The newest retained event with this key, or of this type; of one channel, if it is named. */
  retained<T extends Name<E>>(key: T, channel?: string): WirebellEvent<E[T], T> | undefined;
  retained(key: string, channel = ""): WirebellEvent | undefined {
    return this.#retained.get(`${channel} ${key}`);
  }

  /** What `retained` gives has changed. */
  onRetained(run: () => void): Off {
    return this.#told.on("retained", run);
  }

  onStatus(run: (status: Status) => void): Off {
    return this.#told.on("status", run);
  }

  /** Events of a channel are missing, and the log cannot bring them back: fetch what they told of. */
  onGap(run: (gap: { channel: string }) => void): Off {
    return this.#told.on("gap", run);
  }

  /** What failed where nobody waits for it: a handler, a subscription, a token. Without a listener it goes to the console. */
  onError(run: (error: WirebellError, event?: WirebellEvent) => void): Off {
    return this.#told.on("error", run);
  }

  #heard(frame: Frame): void {
    if (isEvent(frame)) return this.#event(frame as unknown as WirebellEvent & Frame);
    const { type, ref, data, channel } = frame;
    if (type === "wirebell.welcome") return this.#welcomed(frame);
    if (type === "wirebell.gap") {
      this.#keeper.get(channel).gap();
      return void this.#tell("gap", { channel });
    }
    if ((ref && !ref.startsWith(this.#own)) || this.#emits.answer(frame)) return;
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    if (type === "wirebell.error") return this.#failed(new WirebellError(frame["code"], frame["message"], asked));
    if (!asked || !data.cursor) return;
    const position = this.#keeper.get(asked);
    if (position.unheard === data.cursor) position.unheard = undefined;
    this.#begin(asked, data.cursor);
  }

  #ref(): string {
    return this.#own + ++this.#refs;
  }

  /** Asks for something of a channel. */
  #ask(type: string, channel: string, cursor: string | undefined): void {
    if (this.#status.state !== "online") return;
    const ref = this.#ref();
    this.#asked.set(ref, channel);
    this.#line.send({ type: `wirebell.${type}`, channel, cursor, ref });
  }

  #begin(channel: string, cursor: string): void {
    const position = this.#keeper.get(channel);
    if (position.at) return;
    position.at = cursor;
    this.#keeper.save();
  }

  #welcomed({ user, connection, cursor, knew }: Frame): void {
    const known = this.#keeper.of(user);
    this.#asked.clear();
    this.#keeper.each((position, channel) => {
      position.again();
      if (channel.startsWith("conn:") && channel !== `conn:${connection}`) this.#keeper.drop(channel);
      else this.#acknowledge(channel, position.unheard);
    });
    for (const topic of this.#topics.keys()) this.#subscribe(topic);
    // The user's own log was asked for on the way in, unless the token told nothing.
    for (const channel of knew ? ["all"] : ["all", `user:${user}`]) {
      if (known[channel]) this.#line.send({ type: "wirebell.resume", cursors: { [channel]: known[channel] }, ref: this.#ref() });
    }
    if (cursor) this.#begin(`user:${user}`, cursor);
    this.#emits.again();
  }

  #subscribe(channel: string): void {
    this.#ask("subscribe", channel, this.#keeper.get(channel).at);
  }

  #unsubscribe(channel: string): void {
    if (this.#topics.get(channel) !== 0) return;
    this.#topics.delete(channel);
    this.#keeper.drop(channel);
    this.#line.send({ type: "wirebell.unsubscribe", channel });
  }

  #event(event: WirebellEvent & Frame): void {
    const { type, channel, cursor, key, ack = false } = event;
    // Another tab's topic, or one that was just left.
    if (channel.startsWith("topic:") && !this.#topics.has(channel)) return;
    if (key !== undefined && !this.#keep(event, key)) return;
    const position = cursor ? this.#keeper.get(channel) : undefined;
    const open = cursor ? position!.take(cursor, ack) : undefined;
    if (cursor && !open) return;
    const running = [...this.#handlers.of(type), ...this.#handlers.of("*"), ...this.#handlers.of(`#${channel}`)].map(async (run) => run(event.data, event));
    const finish = (state: "handled" | "failed" | "passed") => {
      const { moved, acknowledge } = open ? position!.finish(open, state) : {};
      if (moved) this.#keeper.save();
      this.#acknowledge(channel, acknowledge);
    };
    if (!running.length) return finish("passed");
    void Promise.allSettled(running).then((ends) => {
      const failed = ends.filter((end) => end.status === "rejected");
      for (const { reason } of failed) this.#failed(new WirebellError("handler", `a handler of ${type} failed: ${reason}`, channel, reason), event);
      finish(failed.length ? "failed" : "handled");
    });
  }

  /** Keeps a retained event. False if it is the one that is kept already, which every new connection brings again. */
  #keep(event: WirebellEvent, key: string): boolean {
    const own = `${event.channel} ${key}`;
    if (this.#retained.get(own)?.id === event.id) return false;
    for (const name of [own, ` ${key}`, ` ${event.type}`, `${event.channel} ${event.type}`]) this.#retained.set(name, event);
    this.#tell("retained", undefined);
    return true;
  }

  #acknowledge(channel: string, cursor: string | undefined): void {
    if (cursor) this.#ask("ack", channel, cursor);
  }

  #forget(): void {
    this.#keeper.forget();
    this.#retained.clear();
    this.#tell("retained", undefined);
  }

  #changed(status: Status): void {
    this.#status = status;
    if (status.state === "closed") this.#emits.fail("closed", status.message || "the client is closed");
    this.#tell("status", status);
  }

  #failed(error: WirebellError, event?: WirebellEvent): void {
    if (!this.#tell("error", error, event)) console.error(error);
  }

  /** One listener's fault is not the others'. Was there anybody? */
  #tell(name: string, what: unknown, more?: unknown): boolean {
    const all = this.#told.of(name);
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
    // The mere mention throws where a page may keep nothing.
    return (globalThis as any).sessionStorage ?? null;
  } catch {
    return null;
  }
}
