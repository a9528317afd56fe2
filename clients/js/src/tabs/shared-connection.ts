// One connection for all tabs of an origin and a user. The tab that holds a Web Lock is the leader
// and has the connection. When that tab is closed or crashes, the browser gives the lock to the
// next tab. In: frames of this tab's client, and messages of other tabs. Out: frames and statuses to
// the client. It does not know the frames' meaning.
import { backoff } from "../backoff.js";
import { randomId } from "../emit-queue.js";
import { WirebellError } from "../errors.js";
import type { Frame } from "../frame.js";
import type { Link, LinkOwner } from "../link.js";
import type { Settings } from "../options.js";
import type { Status } from "../status.js";
import { subject } from "../token.js";
import { Leader } from "./leader.js";
import type { TabMessage } from "./messages.js";

/**
 * Milliseconds for the leader to show that it and its connection are alive. A background page may
 * be throttled or frozen.
 */
const ALIVE_TIMEOUT = 4_000;

/** A tab's share of the connection. */
export class SharedConnection implements Link {
  #settings: Settings;
  #owner: LinkOwner;
  #id = randomId();
  #user = "";
  #isOpen = false;
  #channel: BroadcastChannel | undefined;
  #leader: Leader | undefined;
  /** The leader has sent the state to this tab; earlier messages are ignored. */
  #joined = false;
  /** Releases the lock, or the place in the queue for it. */
  #release = () => {};
  #stopSignals = () => {};
  #silence: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #hide = () => {
    this.#joined = false;
    this.#post({ word: "bye", from: this.#id });
  };

  constructor(settings: Settings, owner: LinkOwner) {
    this.#settings = settings;
    this.#owner = owner;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#owner.status({ state: "connecting" });
    void this.#start(0);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#hide();
    this.#leave({ state: "closed", reason: "closed", message: "" });
  }

  send(frame: Frame): void {
    if (this.#leader) this.#leader.link.send(frame);
    else if (this.#joined) this.#post({ word: "up", from: this.#id, frame });
  }

  /** Gets a token first: only tabs of the same user share a connection. */
  async #start(attempt: number): Promise<void> {
    try {
      const token = await Promise.resolve().then(this.#settings.token);
      if (!this.#isOpen) return;
      if (!token) {
        this.#owner.forget();
        return this.#leave({ state: "closed", reason: "no_token", message: "no user is signed in" });
      }
      this.#join(subject(token) ?? "");
    } catch (error) {
      if (!this.#isOpen) return;
      this.#owner.failed(new WirebellError("token", "the token function failed", undefined, error));
      const retryAt = Date.now() + backoff(attempt);
      this.#owner.status({ state: "waiting", retryAt, reason: "token", message: String(error) });
      this.#retry = setTimeout(() => void this.#start(attempt + 1), retryAt - Date.now());
    }
  }

  #join(user: string): void {
    this.#user = user;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    const probe = () => this.#probe();
    this.#stopSignals = this.#settings.lifecycle({ wake: probe, online: probe, offline: probe });
    globalThis.addEventListener?.("pagehide", this.#hide);
    this.#hello();
    this.#queue({});
  }

  get #name(): string {
    return `wirebell:${this.#settings.url}:${this.#user}`;
  }

  /**
   * Waits for the lock; its holder is the leader. `steal` takes the lock from a leader that does
   * not reply.
   */
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
      // Locks are forbidden on this page: the tab uses its own connection.
      if (!led && !abort.signal.aborted && this.#isOpen) return void this.#lead();
      if (!led || this.#leader !== led) return;
      // The lock was stolen: another tab got no reply from this one.
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
      ...this.#owner,
      received: (frame) => mine(() => this.#owner.received(frame)),
      status: (status) => mine(() => this.#statusChanged(status)),
    }, (message) => this.#post(message));
    this.#leader = leader;
    this.#joined = false;
    leader.open();
    return leader;
  }

  #receive(message: TabMessage): void {
    if (this.#leader) return this.#leader.receive(message);
    if (message.word === "lead") return this.#hello();
    if ("to" in message && message.to !== this.#id) return;
    switch (message.word) {
      case "alive":
        return clearTimeout(this.#silence);
      case "joined":
        this.#joined = true;
        clearTimeout(this.#silence);
        this.#statusChanged(message.status);
        return message.frames.forEach((frame) => this.#owner.received(frame));
      case "some":
        return message.frames.forEach((frame) => this.#owner.received(frame));
      case "frame":
        return this.#joined ? this.#owner.received(message.frame) : undefined;
      case "status":
        if (this.#joined) this.#statusChanged(message.status);
    }
  }

  #statusChanged(status: Status): void {
    if (status.state !== "closed") return this.#owner.status(status);
    if (status.reason === "no_token" || status.reason === "user_changed") this.#owner.forget();
    this.#leave(status);
  }

  #hello(): void {
    this.#joined = false;
    this.#post({ word: "hello", from: this.#id, cursors: this.#owner.cursors(this.#user) });
  }

  #probe(): void {
    if (this.#leader) return;
    if (!this.#joined) this.#hello();
    this.#post({ word: "wake", from: this.#id });
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#release();
      this.#queue({ steal: true });
    }, ALIVE_TIMEOUT);
  }

  #post(message: TabMessage): void {
    this.#channel?.postMessage(message);
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
    this.#channel?.close();
    this.#channel = undefined;
    this.#owner.status(status);
  }
}
