// The leader: the tab with the connection. It forwards frames between the node and the other tabs.
import { Connection } from "../connection.js";
import { isAfter } from "../cursor.js";
import { isEvent, type Frame } from "../frame.js";
import type { Link, LinkOwner } from "../link.js";
import type { Settings } from "../options.js";
import type { Status } from "../status.js";
import type { TabMessage } from "./messages.js";

/** Most events that are kept for a tab that joins later, such as a reloaded one. */
const MAX_KEPT = 1_000;

/** The leader's side of a shared connection. */
export class Leader {
  #ownId: string;
  #owner: LinkOwner;
  #post: (message: TabMessage) => void;
  #connection: Connection;
  #status: Status = { state: "connecting" };
  #welcome: Frame | undefined;
  #retained = new Map<string, Frame>();
  #kept: Frame[] = [];
  /** The cursor at which the connection started, by channel. */
  #started = new Map<string, string>();
  /** The last cursor that is no longer kept, by channel. */
  #dropped = new Map<string, string>();
  /** The tabs that subscribe to a topic. */
  #subscribers = new Map<string, Set<string>>();
  /** The tabs that wait for a sign of life. */
  #waking = new Set<string>();

  constructor(ownId: string, settings: Settings, owner: LinkOwner, post: (message: TabMessage) => void) {
    this.#ownId = ownId;
    this.#owner = owner;
    this.#post = post;
    this.#connection = new Connection(settings, { ...owner, received: (frame) => this.#received(frame), status: (status) => this.#statusChanged(status) });
  }

  open(): void {
    this.#post({ word: "lead" });
    this.#connection.open();
  }

  close(): void {
    this.#connection.close();
  }

  /** The link of this tab's own client. */
  readonly link: Pick<Link, "send"> = { send: (frame) => this.#sendFor(this.#ownId, frame) };

  receive(message: TabMessage): void {
    switch (message.word) {
      case "hello":
        return this.#join(message.from, message.cursors);
      case "up":
        return this.#sendFor(message.from, message.frame);
      case "wake":
        this.#waking.add(message.from);
        return this.#connection.nudge();
      case "bye":
        for (const channel of this.#subscribers.keys()) this.#leave(message.from, channel);
    }
  }

  #statusChanged(status: Status): void {
    this.#status = status;
    // The other tabs are not notified when this tab closes its connection: another tab takes over.
    if (status.state !== "closed" || status.reason !== "closed") this.#post({ word: "status", status });
    this.#owner.status(status);
  }

  #received(frame: Frame): void {
    if (isEvent(frame)) this.#keep(frame);
    else if (frame.type === "wirebell.welcome") this.#start(frame);
    else if (frame["data"]?.channel && frame["data"].cursor && !this.#started.has(frame["data"].channel)) this.#started.set(frame["data"].channel, frame["data"].cursor);
    for (const to of this.#waking) this.#post({ word: "alive", to });
    this.#waking.clear();
    this.#post({ word: "frame", frame });
    this.#owner.received(frame);
  }

  #start(welcome: Frame): void {
    this.#welcome = welcome;
    for (const map of [this.#retained, this.#started, this.#dropped]) map.clear();
    this.#kept = [];
    if (welcome["cursor"]) this.#started.set(this.#user, welcome["cursor"]);
  }

  get #user(): string {
    return `user:${this.#welcome!["user"]}`;
  }

  #keep(event: Frame): void {
    if (event["key"] !== undefined) this.#retained.set(`${event["channel"]} ${event["key"]}`, event);
    if (!event["cursor"]) return;
    this.#kept.push(event);
    if (this.#kept.length <= MAX_KEPT) return;
    const { channel, cursor } = this.#kept.shift() as any;
    this.#dropped.set(channel, cursor);
  }

  #join(to: string, cursors: Record<string, string>): void {
    const { state } = this.#status;
    const frames: Frame[] = [];
    if (state === "online" && this.#welcome) {
      const user = this.#user;
      const last = this.#kept.filter(({ channel }) => channel === user).pop()?.["cursor"] ?? this.#started.get(user);
      frames.push({ ...this.#welcome, cursor: last });
      for (const [, event] of this.#retained) if (!this.#subscribers.has(event["channel"])) frames.push(event);
      for (const channel of [user, "all"]) if (cursors[channel]) frames.push(...this.#missed(channel, cursors[channel]));
    }
    this.#post({ word: "joined", to, status: this.#status, frames });
  }

  /**
   * Returns the events after the cursor of a tab. Events from before this connection are requested
   * from the node.
   */
  #missed(channel: string, cursor: string): Frame[] {
    const kept = this.#kept.filter((event) => event["channel"] === channel && isAfter(event["cursor"], cursor));
    const dropped = this.#dropped.get(channel);
    if (dropped && isAfter(dropped, cursor)) return [{ type: "wirebell.gap", channel }, ...kept];
    const started = this.#started.get(channel);
    if (!started || isAfter(started, cursor)) this.#connection.send({ type: "wirebell.resume", cursors: { [channel]: cursor } });
    return kept;
  }

  #sendFor(from: string, frame: Frame): void {
    const { type, channel, cursor } = frame;
    if (type === "wirebell.unsubscribe") return this.#leave(from, channel);
    // A joining tab gets its missed events from `#join`.
    if (type === "wirebell.resume" && from !== this.#ownId) return;
    this.#connection.send(frame);
    if (type !== "wirebell.subscribe") return;
    const subscribers = this.#subscribers.get(channel);
    if (!subscribers) return void this.#subscribers.set(channel, new Set([from]));
    subscribers.add(from);
    const frames = [...this.#retained.values()].filter((event) => event["channel"] === channel);
    if (cursor) frames.push(...this.#missed(channel, cursor));
    if (from === this.#ownId) frames.forEach((event) => this.#owner.received(event));
    else this.#post({ word: "some", to: from, frames });
  }

  #leave(from: string, channel: string): void {
    const subscribers = this.#subscribers.get(channel);
    if (!subscribers?.delete(from) || subscribers.size) return;
    this.#subscribers.delete(channel);
    this.#connection.send({ type: "wirebell.unsubscribe", channel });
  }
}
