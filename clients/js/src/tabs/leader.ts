// The tab that holds the connection: tells the others what comes, and the node what they say.
import { Connection } from "../connection.js";
import { isBehind } from "../cursor.js";
import { isEvent, type Frame } from "../frame.js";
import type { Line, Upper } from "../line.js";
import type { Settings } from "../options.js";
import type { Status } from "../status.js";
import type { Word } from "./words.js";

/** Events that are kept for a tab that comes late, such as one that reloads. */
const KEPT = 1_000;

export class Leader {
  #own: string;
  #upper: Upper;
  #post: (word: Word) => void;
  #line: Connection;
  #status: Status = { state: "connecting" };
  #welcome: Frame | undefined;
  #retained = new Map<string, Frame>();
  #kept: Frame[] = [];
  /** Where the connection began in each channel, and what is the last one of it that is no longer kept. */
  #began = new Map<string, string>();
  #left = new Map<string, string>();
  #owners = new Map<string, Set<string>>();
  #waking = new Set<string>();

  constructor(own: string, settings: Settings, upper: Upper, post: (word: Word) => void) {
    this.#own = own;
    this.#upper = upper;
    this.#post = post;
    this.#line = new Connection(settings, { ...upper, heard: (frame) => this.#heard(frame), status: (status) => this.#changed(status) });
  }

  open(): void {
    this.#post({ word: "lead" });
    this.#line.open();
  }

  close(): void {
    this.#line.close();
  }

  /** Of this tab's own client. */
  readonly line: Pick<Line, "send"> = { send: (frame) => this.#up(this.#own, frame) };

  hear(said: Word): void {
    switch (said.word) {
      case "hello":
        return this.#join(said.from, said.cursors);
      case "up":
        return this.#up(said.from, said.frame);
      case "wake":
        this.#waking.add(said.from);
        return this.#line.nudge();
      case "bye":
        for (const channel of this.#owners.keys()) this.#leave(said.from, channel);
    }
  }

  #changed(status: Status): void {
    this.#status = status;
    // What this tab itself does to its connection is not what the others are told.
    if (status.state !== "closed" || status.reason !== "closed") this.#post({ word: "status", status });
    this.#upper.status(status);
  }

  #heard(frame: Frame): void {
    if (isEvent(frame)) this.#keep(frame);
    else if (frame.type === "wirebell.welcome") this.#begin(frame);
    else if (frame["data"]?.channel && frame["data"].cursor && !this.#began.has(frame["data"].channel)) this.#began.set(frame["data"].channel, frame["data"].cursor);
    for (const to of this.#waking) this.#post({ word: "alive", to });
    this.#waking.clear();
    this.#post({ word: "frame", frame });
    this.#upper.heard(frame);
  }

  #begin(welcome: Frame): void {
    this.#welcome = welcome;
    for (const map of [this.#retained, this.#began, this.#left]) map.clear();
    this.#kept = [];
    if (welcome["cursor"]) this.#began.set(this.#user, welcome["cursor"]);
  }

  get #user(): string {
    return `user:${this.#welcome!["user"]}`;
  }

  #keep(event: Frame): void {
    if (event["key"] !== undefined) this.#retained.set(`${event["channel"]} ${event["key"]}`, event);
    if (!event["cursor"]) return;
    this.#kept.push(event);
    if (this.#kept.length <= KEPT) return;
    const { channel, cursor } = this.#kept.shift() as any;
    this.#left.set(channel, cursor);
  }

  #join(to: string, cursors: Record<string, string>): void {
    const { state } = this.#status;
    const frames: Frame[] = [];
    if (state === "online" && this.#welcome) {
      const user = this.#user;
      const last = this.#kept.filter(({ channel }) => channel === user).pop()?.["cursor"] ?? this.#began.get(user);
      frames.push({ ...this.#welcome, cursor: last });
      for (const [, event] of this.#retained) if (!this.#owners.has(event["channel"])) frames.push(event);
      for (const channel of [user, "all"]) if (cursors[channel]) frames.push(...this.#missed(channel, cursors[channel]));
    }
    this.#post({ word: "joined", to, status: this.#status, frames });
  }

  /** What a tab that is at this cursor has not got; the node is asked for what came before this connection. */
  #missed(channel: string, cursor: string): Frame[] {
    const kept = this.#kept.filter((event) => event["channel"] === channel && isBehind(event["cursor"], cursor));
    const left = this.#left.get(channel);
    if (left && isBehind(left, cursor)) return [{ type: "wirebell.gap", channel }, ...kept];
    const began = this.#began.get(channel);
    if (!began || isBehind(began, cursor)) this.#line.send({ type: "wirebell.resume", cursors: { [channel]: cursor } });
    return kept;
  }

  #up(from: string, frame: Frame): void {
    const { type, channel, cursor } = frame;
    if (type === "wirebell.unsubscribe") return this.#leave(from, channel);
    // What a tab has missed is found for it when it joins.
    if (type === "wirebell.resume" && from !== this.#own) return;
    this.#line.send(frame);
    if (type !== "wirebell.subscribe") return;
    const owners = this.#owners.get(channel);
    if (!owners) return void this.#owners.set(channel, new Set([from]));
    owners.add(from);
    const frames = [...this.#retained.values()].filter((event) => event["channel"] === channel);
    if (cursor) frames.push(...this.#missed(channel, cursor));
    if (from === this.#own) frames.forEach((event) => this.#upper.heard(event));
    else this.#post({ word: "some", to: from, frames });
  }

  #leave(from: string, channel: string): void {
    const owners = this.#owners.get(channel);
    if (!owners?.delete(from) || owners.size) return;
    this.#owners.delete(channel);
    this.#line.send({ type: "wirebell.unsubscribe", channel });
  }
}
