// One connection for all tabs of an origin and a user. A lock that only one tab holds says who has it; when that tab is closed or
// crashes, the browser hands the lock to the next one.
import { backoff } from "../backoff.js";
import { letters } from "../emits.js";
import { WirebellError } from "../errors.js";
import type { Frame } from "../frame.js";
import type { Line, Upper } from "../line.js";
import type { Settings } from "../options.js";
import type { Status } from "../status.js";
import { subject } from "../token.js";
import { Leader } from "./leader.js";
import type { Word } from "./words.js";

/** For the leader to show that it and its connection live. A page in the background may be throttled or frozen. */
const ALIVE_WITHIN = 4_000;

export class SharedLine implements Line {
  #settings: Settings;
  #upper: Upper;
  #id = letters();
  #user = "";
  #isOpen = false;
  #bus: BroadcastChannel | undefined;
  #leader: Leader | undefined;
  /** The leader has told this tab how things are; what is said before is not for it. */
  #joined = false;
  /** Lets go of the lock, or of the place in the queue for it. */
  #release = () => {};
  #stopSignals = () => {};
  #silence: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #hide = () => {
    this.#joined = false;
    this.#post({ word: "bye", from: this.#id });
  };

  constructor(settings: Settings, upper: Upper) {
    this.#settings = settings;
    this.#upper = upper;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#upper.status({ state: "connecting" });
    void this.#enter(0);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#hide();
    this.#leave({ state: "closed", reason: "closed", message: "" });
  }

  send(frame: Frame): void {
    if (this.#leader) this.#leader.line.send(frame);
    else if (this.#joined) this.#post({ word: "up", from: this.#id, frame });
  }

  /** Tabs share a connection if they are the same user's, so that is the first thing to know. */
  async #enter(attempt: number): Promise<void> {
    try {
      const token = await Promise.resolve().then(this.#settings.token);
      if (!this.#isOpen) return;
      if (!token) {
        this.#upper.forget();
        return this.#leave({ state: "closed", reason: "no_token", message: "nobody is signed in" });
      }
      this.#join(subject(token) ?? "");
    } catch (error) {
      if (!this.#isOpen) return;
      this.#upper.failed(new WirebellError("token", "no token could be had", undefined, error));
      const retryAt = Date.now() + backoff(attempt);
      this.#upper.status({ state: "waiting", retryAt, reason: "token", message: String(error) });
      this.#retry = setTimeout(() => void this.#enter(attempt + 1), retryAt - Date.now());
    }
  }

  #join(user: string): void {
    this.#user = user;
    this.#bus = new BroadcastChannel(this.#name);
    this.#bus.onmessage = ({ data }) => this.#hear(data);
    const probe = () => this.#probe();
    this.#stopSignals = this.#settings.lifecycle({ wake: probe, online: probe, offline: probe });
    globalThis.addEventListener?.("pagehide", this.#hide);
    this.#hello();
    this.#queue({});
  }

  get #name(): string {
    return `wirebell:${this.#settings.url}:${this.#user}`;
  }

  /** Waits for the lock; whoever holds it leads. `steal` takes it from a leader that does not answer. */
  #queue(how: { steal?: true }): void {
    const abort = new AbortController();
    let led: Leader | undefined;
    const hold = () => new Promise<void>((release) => {
      if (abort.signal.aborted) return release();
      this.#release = release;
      led = this.#lead();
    });
    this.#release = () => abort.abort();
    navigator.locks.request(this.#name, how.steal ? how : { signal: abort.signal }, hold).catch(() => {
      // Locks are not to be had on this page: better a connection of its own than none.
      if (!led && !abort.signal.aborted && this.#isOpen) return void this.#lead();
      if (!led || this.#leader !== led) return;
      // Stolen: another tab has not heard from this one.
      this.#leader = undefined;
      led.close();
      this.#queue({});
      this.#hello();
    });
  }

  #lead(): Leader {
    clearTimeout(this.#silence);
    const mine = (run: () => void) => { if (this.#leader === leader) run(); };
    const leader: Leader = new Leader(this.#id, this.#settings, {
      ...this.#upper,
      heard: (frame) => mine(() => this.#upper.heard(frame)),
      status: (status) => mine(() => this.#changed(status)),
    }, (word) => this.#post(word));
    this.#leader = leader;
    this.#joined = false;
    leader.open();
    return leader;
  }

  #hear(said: Word): void {
    if (this.#leader) return this.#leader.hear(said);
    if (said.word === "lead") return this.#hello();
    if ("to" in said && said.to !== this.#id) return;
    switch (said.word) {
      case "alive":
        return clearTimeout(this.#silence);
      case "joined":
        this.#joined = true;
        clearTimeout(this.#silence);
        this.#changed(said.status);
        return said.frames.forEach((frame) => this.#upper.heard(frame));
      case "some":
        return said.frames.forEach((frame) => this.#upper.heard(frame));
      case "frame":
        return this.#joined ? this.#upper.heard(said.frame) : undefined;
      case "status":
        if (this.#joined) this.#changed(said.status);
    }
  }

  #changed(status: Status): void {
    if (status.state !== "closed") return this.#upper.status(status);
    if (status.reason === "no_token" || status.reason === "user_changed") this.#upper.forget();
    this.#leave(status);
  }

  #hello(): void {
    this.#joined = false;
    this.#post({ word: "hello", from: this.#id, cursors: this.#upper.cursors(this.#user) });
  }

  #probe(): void {
    if (this.#leader) return;
    if (!this.#joined) this.#hello();
    this.#post({ word: "wake", from: this.#id });
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#release();
      this.#queue({ steal: true });
    }, ALIVE_WITHIN);
  }

  #post(word: Word): void {
    this.#bus?.postMessage(word);
  }

  #leave(status: Status): void {
    this.#isOpen = this.#joined = false;
    clearTimeout(this.#silence);
    clearTimeout(this.#retry);
    this.#stopSignals();
    globalThis.removeEventListener?.("pagehide", this.#hide);
    const leader = this.#leader;
    this.#leader = undefined;
    leader?.close();
    this.#release();
    this.#bus?.close();
    this.#bus = undefined;
    this.#upper.status(status);
  }
}
