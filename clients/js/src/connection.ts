// Keeps a client connected: opens connections, detects broken ones, renews tokens, and stops after
// a final close.
import { backoff } from "./backoff.js";
import { WirebellError } from "./errors.js";
import type { Frame } from "./frame.js";
import type { Link, LinkOwner } from "./link.js";
import type { Settings } from "./options.js";
import type { ClosedReason, Status } from "./status.js";
import { subject } from "./token.js";
import type { Wire } from "./transport/transport.js";

/** After a connection of this many milliseconds, the backoff starts again. */
const STEADY = 10_000;
/** Most milliseconds from dialing to the welcome. */
const WELCOME_TIMEOUT = 10_000;
/** Most milliseconds for the reply to a ping after a wake signal. */
const PING_TIMEOUT = 3_000;
/** The pause before another attempt to renew the token. */
const RENEW_AGAIN = 3_000;
/** Failed attempts after which the other transport is tried. */
const CHANGE_AFTER = 2;

/** Close codes after which the client does not reconnect. */
const FINAL: Record<number, ClosedReason> = { 1008: "refused", 4403: "forbidden", 4409: "replaced" };

/** The connection of a client. */
export class Connection implements Link {
  #settings: Settings;
  #owner: LinkOwner;
  /** The index of the transport to use: the last one that worked. */
  #transport = 0;
  #wire: Wire | undefined;
  #stopSignals: (() => void) | undefined;
  /** The number of the attempt. Callbacks of older attempts are ignored. */
  #round = 0;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: Status["state"] = "closed";
  #user: string | undefined;
  /** The user was known when dialing, so the cursor was sent. */
  #knew = false;
  #renewing = false;
  #welcomedAt = 0;
  #receivedAt = 0;
  #heartbeat = 25_000;
  /** The earliest time of the next attempt, as the node requested. */
  #notBefore = 0;
  /** The last error message of the node. */
  #lastError = "";
  /** The largest frame with a ref that was sent over this connection. */
  #largest: { ref: string; size: number } | undefined;

  constructor(settings: Settings, owner: LinkOwner) {
    this.#settings = settings;
    this.#owner = owner;
  }

  open(): void {
    if (this.#state !== "closed") return;
    this.#user = undefined;
    this.#attempts = 0;
    this.#stopSignals = this.#settings.lifecycle({
      wake: () => this.nudge(),
      online: () => (this.#wire ? this.#probe() : this.#hurry(1_000)),
      offline: () => { if (this.#wire) this.#probe(); else this.#wait("connection", "no network"); },
    });
    void this.#connect();
  }

  close(): void {
    this.#end("closed", "");
  }

  send(frame: Frame): void {
    if (this.#state !== "online") return;
    const { ref } = frame;
    const size = ref ? JSON.stringify(frame).length : 0;
    if (size > (this.#largest?.size ?? 0)) this.#largest = { ref, size };
    this.#send(frame);
  }

  /** Checks the connection, or ends the wait for the next attempt. */
  nudge(): void {
    if (this.#wire) this.#probe();
    else this.#hurry(0);
  }

  /** Pings the node. Without a reply, the next connection is opened at once. */
  #probe(within = PING_TIMEOUT): void {
    if (this.#state !== "online") return;
    const pingedAt = Date.now();
    this.#send({ type: "wirebell.ping" });
    this.#schedule(within, () => {
      if (this.#receivedAt < pingedAt) this.#lost("no reply to a ping; reconnecting");
      else this.#watch();
    });
  }

  async #connect(): Promise<void> {
    this.#dropWire();
    const round = this.#round;
    this.#lastError = "";
    this.#setStatus({ state: "connecting" });
    const token = await this.#getToken(round);
    if (token === undefined || !this.#isSameUser(token)) return;
    const { url, transports } = this.#settings;
    const user = subject(token);
    this.#knew = user !== undefined;
    const cursor = user === undefined ? undefined : this.#owner.cursors(user)[`user:${user}`];
    this.#receivedAt = Date.now();
    this.#schedule(WELCOME_TIMEOUT, () => this.#lost(`no welcome within ${WELCOME_TIMEOUT} ms`));
    const mine = <A extends any[]>(run: (...all: A) => void) => (...all: A) => { if (round === this.#round) run(...all); };
    try {
      this.#wire = transports[this.#transport]!.dial({ url, token, cursor }, {
        text: mine((text) => this.#receive(text)),
        closed: mine((code, reason) => this.#closed(code, reason)),
      });
    } catch (error) {
      this.#lost(String(error));
    }
  }

  /** Returns the app's token; undefined if there is none, which is reported. */
  async #getToken(round: number): Promise<string | undefined> {
    let token: string | null | undefined;
    try {
      // Asynchronous, so that the app can register its listeners before an error.
      token = await Promise.resolve().then(this.#settings.token);
    } catch (error) {
      if (round !== this.#round) return undefined;
      this.#owner.failed(new WirebellError("token", "the token function failed", undefined, error));
      if (this.#state === "online") this.#renewLater();
      else this.#wait("token", String(error));
      return undefined;
    }
    if (round !== this.#round) return undefined;
    if (!token) {
      this.#owner.forget();
      this.#end("no_token", "no user is signed in");
      return undefined;
    }
    return token;
  }

  /** Stops for the token of another user: the page shows the data of the first one. */
  #isSameUser(token: string): boolean {
    return this.#is(subject(token));
  }

  #is(user: string | undefined): boolean {
    if (user === undefined || user === (this.#user ??= user)) return true;
    this.#changed();
    return false;
  }

  #changed(): void {
    this.#owner.forget();
    this.#end("user_changed", "the token is for another user");
  }

  #receive(text: string): void {
    this.#receivedAt = Date.now();
    if (!text) return;
    let frame: Frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.#owner.failed(new WirebellError("bad_frame", "the node sent a frame that is not JSON"));
    }
    switch (frame.type) {
      case "wirebell.welcome":
        return this.#welcome(frame);
      case "wirebell.expiring":
        return void this.#renew();
      case "wirebell.close":
        return this.#closed(frame["code"], frame["reason"]);
      case "wirebell.reconnect":
        this.#notBefore = Date.now() + frame["after"] * 1_000;
        return;
      case "wirebell.error":
        this.#lastError = frame["message"];
        if (frame["ref"] === "auth") return this.#renewalFailed(frame["code"]);
        break;
      case "wirebell.reply":
        if (frame["ref"] === "auth") return void (this.#renewing = false);
    }
    this.#owner.received(frame);
  }

  #welcome(frame: Frame): void {
    if (!this.#is(frame["user"])) return;
    this.#welcomedAt = Date.now();
    this.#heartbeat = frame["heartbeat"] * 1_000;
    this.#notBefore = 0;
    this.#watch();
    const { connection, user, device } = frame;
    this.#setStatus({ state: "online", connection, user, device, transport: this.#settings.transports[this.#transport]!.name });
    this.#owner.received({ ...frame, knew: this.#knew });
  }

  /** Pings a quiet connection: pages do not see the WebSocket pings. */
  #watch(): void {
    const every = this.#heartbeat;
    const due = Date.now() + every;
    this.#schedule(every, () => {
      const now = Date.now();
      // A timer that fires much too late means that the device was asleep.
      if (now - due > every) this.#probe();
      else if (now - this.#receivedAt >= every) this.#probe(every);
      else this.#watch();
    });
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    const token = await this.#getToken(this.#round);
    if (token !== undefined && this.#isSameUser(token)) this.#send({ type: "wirebell.auth", token, ref: "auth" });
  }

  #renewalFailed(code: string): void {
    if (code === "user_mismatch") return this.#changed();
    this.#owner.failed(new WirebellError(code, this.#lastError));
    this.#renewLater();
  }

  /** Retries while the old token is valid; after that the node closes the connection. */
  #renewLater(): void {
    const round = this.#round;
    setTimeout(() => {
      if (round !== this.#round) return;
      this.#renewing = false;
      void this.#renew();
    }, RENEW_AGAIN);
  }

  #closed(code: number, reason: string): void {
    const message = this.#lastError || reason || `closed with ${code}`;
    const final = FINAL[code];
    if (final) return this.#end(final, message);
    // The frame was too large. Sending it again would close the next connection as well, so it
    // fails here.
    if (code === 4413 && this.#largest) this.#owner.received({ type: "wirebell.error", code: "data_too_large", message, ref: this.#largest.ref });
    // The node is full: wait longer before the next attempt.
    if (code === 4429) this.#attempts = Math.max(this.#attempts, 3);
    this.#lost(message, code === 4401 || code === 4408 ? "token" : "connection");
  }

  #lost(message: string, reason: "connection" | "token" = "connection"): void {
    const now = Date.now();
    if (this.#state === "online") {
      if (now - this.#welcomedAt > STEADY) this.#attempts = 0;
    } else if (reason === "connection" && this.#attempts % CHANGE_AFTER === CHANGE_AFTER - 1) {
      this.#transport = (this.#transport + 1) % this.#settings.transports.length;
    }
    this.#wait(reason, message);
  }

  #wait(reason: "connection" | "token", message: string): void {
    this.#dropWire();
    const now = Date.now();
    const retryAt = Math.max(now + backoff(this.#attempts++), this.#notBefore);
    this.#setStatus(this.#settings.hasNetwork() ? { state: "waiting", retryAt, reason, message } : { state: "offline", retryAt });
    this.#schedule(retryAt - now, () => void this.#connect());
  }

  /** Shortens the wait for the next attempt, but not below the time that the node requested. */
  #hurry(within: number): void {
    if (this.#state !== "waiting" && this.#state !== "offline") return;
    this.#schedule(Math.max(Math.random() * within, this.#notBefore - Date.now()), () => void this.#connect());
  }

  #end(reason: ClosedReason, message: string): void {
    if (this.#state === "closed") return;
    this.#dropWire();
    this.#stopSignals?.();
    this.#setStatus({ state: "closed", reason, message });
  }

  #dropWire(): void {
    this.#round++;
    clearTimeout(this.#timer);
    this.#renewing = false;
    this.#wire?.drop();
    this.#wire = this.#largest = undefined;
  }

  #send(frame: Frame): void {
    this.#wire?.send(frame);
  }

  #setStatus(status: Status): void {
    this.#state = status.state;
    this.#owner.status(status);
  }

  #schedule(millis: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, millis);
  }
}
