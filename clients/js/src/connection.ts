// One connection after the other: makes them, watches over them, renews their tokens, and knows when to stop.
import { backoff } from "./backoff.js";
import { WirebellError } from "./errors.js";
import type { Frame } from "./frame.js";
import type { Line, Upper } from "./line.js";
import type { Settings } from "./options.js";
import type { ClosedReason, Status } from "./status.js";
import { subject } from "./token.js";
import type { Wire } from "./transport/transport.js";

/** A connection that lived for so long was a good one: the next failure is the first again. */
const STEADY = 10_000;
/** From dialling to the welcome. */
const WELCOME_WITHIN = 10_000;
/** For the sign of life that is asked for when somebody comes back. */
const ALIVE_WITHIN = 3_000;
const RENEW_AGAIN = 3_000;
/** Failed tries after which another transport has its turn. */
const CHANGE_AFTER = 2;

const FINAL: Record<number, ClosedReason> = { 1008: "refused", 4403: "forbidden", 4409: "replaced" };

export class Connection implements Line {
  #settings: Settings;
  #upper: Upper;
  /** Which of the transports, of which the last one that worked is tried first. */
  #transport = 0;
  #wire: Wire | undefined;
  #stopSignals: (() => void) | undefined;
  /** Changes with each try, so that what belongs to an older one is known by it. */
  #round = 0;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: Status["state"] = "closed";
  #user: string | undefined;
  /** The user was known when it was dialled, and so was the cursor to name. */
  #knew = false;
  #renewing = false;
  #welcomedAt = 0;
  #heardAt = 0;
  #heartbeat = 25_000;
  /** Not before this, as the node asked. */
  #notBefore = 0;
  #said = "";
  /** What went over this connection and asked for an answer: the largest. */
  #largest: { ref: string; size: number } | undefined;

  constructor(settings: Settings, upper: Upper) {
    this.#settings = settings;
    this.#upper = upper;
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
    void this.#try();
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

  /** Somebody is back: what looks alive may be dead, and what waits may have waited for long enough. */
  nudge(): void {
    if (this.#wire) this.#probe();
    else this.#hurry(0);
  }

  /** Is it still there? If not, the next one is made at once. */
  #probe(within = ALIVE_WITHIN): void {
    if (this.#state !== "online") return;
    const asked = Date.now();
    this.#send({ type: "wirebell.ping" });
    this.#later(within, () => {
      if (this.#heardAt < asked) this.#lost("the connection is silent");
      else this.#watch();
    });
  }

  async #try(): Promise<void> {
    this.#drop();
    const round = this.#round;
    this.#said = "";
    this.#tell({ state: "connecting" });
    const token = await this.#ask(round);
    if (token === undefined || !this.#isSame(token)) return;
    const { url, transports } = this.#settings;
    const user = subject(token);
    this.#knew = user !== undefined;
    const cursor = user === undefined ? undefined : this.#upper.cursors(user)[`user:${user}`];
    this.#heardAt = Date.now();
    this.#later(WELCOME_WITHIN, () => this.#lost("no welcome came in time"));
    const mine = <A extends any[]>(run: (...all: A) => void) => (...all: A) => { if (round === this.#round) run(...all); };
    try {
      this.#wire = transports[this.#transport]!.dial({ url, token, cursor }, {
        text: mine((text) => this.#hear(text)),
        gone: mine((code, reason) => this.#gone(code, reason)),
      });
    } catch (error) {
      this.#lost(String(error));
    }
  }

  /** The app's token; undefined if it is of no use now, which has been told then. */
  async #ask(round: number): Promise<string | undefined> {
    let token: string | null | undefined;
    try {
      // Later than `open`, so that whoever made the client hears of what goes wrong.
      token = await Promise.resolve().then(this.#settings.token);
    } catch (error) {
      if (round !== this.#round) return undefined;
      this.#upper.failed(new WirebellError("token", "no token could be had", undefined, error));
      if (this.#state === "online") this.#renewLater();
      else this.#wait("token", String(error));
      return undefined;
    }
    if (round !== this.#round) return undefined;
    if (!token) {
      this.#upper.forget();
      this.#end("no_token", "nobody is signed in");
      return undefined;
    }
    return token;
  }

  /** Never goes on as somebody else: what the page shows is the other user's. */
  #isSame(token: string): boolean {
    return this.#is(subject(token));
  }

  #is(user: string | undefined): boolean {
    if (user === undefined || user === (this.#user ??= user)) return true;
    this.#changed();
    return false;
  }

  #changed(): void {
    this.#upper.forget();
    this.#end("user_changed", "the token is for another user");
  }

  #hear(text: string): void {
    this.#heardAt = Date.now();
    if (!text) return;
    let frame: Frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.#upper.failed(new WirebellError("bad_frame", "the node sent what is not JSON"));
    }
    switch (frame.type) {
      case "wirebell.welcome":
        return this.#welcome(frame);
      case "wirebell.expiring":
        return void this.#renew();
      case "wirebell.close":
        return this.#gone(frame["code"], frame["reason"]);
      case "wirebell.reconnect":
        this.#notBefore = Date.now() + frame["after"] * 1_000;
        return;
      case "wirebell.error":
        this.#said = frame["message"];
        if (frame["ref"] === "auth") return this.#notRenewed(frame["code"]);
        break;
      case "wirebell.reply":
        if (frame["ref"] === "auth") return void (this.#renewing = false);
    }
    this.#upper.heard(frame);
  }

  #welcome(frame: Frame): void {
    if (!this.#is(frame["user"])) return;
    this.#welcomedAt = Date.now();
    this.#heartbeat = frame["heartbeat"] * 1_000;
    this.#notBefore = 0;
    this.#watch();
    const { connection, user, device } = frame;
    this.#tell({ state: "online", connection, user, device, transport: this.#settings.transports[this.#transport]!.name });
    this.#upper.heard({ ...frame, knew: this.#knew });
  }

  /** Pages do not see the protocol's pings, so a quiet connection is asked. */
  #watch(): void {
    const every = this.#heartbeat;
    const due = Date.now() + every;
    this.#later(every, () => {
      const now = Date.now();
      // A timer that comes much too late was asleep, and so was the device.
      if (now - due > every) this.#probe();
      else if (now - this.#heardAt >= every) this.#probe(every);
      else this.#watch();
    });
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    const token = await this.#ask(this.#round);
    if (token !== undefined && this.#isSame(token)) this.#send({ type: "wirebell.auth", token, ref: "auth" });
  }

  #notRenewed(code: string): void {
    if (code === "user_mismatch") return this.#changed();
    this.#upper.failed(new WirebellError(code, this.#said));
    this.#renewLater();
  }

  /** As long as the old token lasts; after that the node closes. */
  #renewLater(): void {
    const round = this.#round;
    setTimeout(() => {
      if (round !== this.#round) return;
      this.#renewing = false;
      void this.#renew();
    }, RENEW_AGAIN);
  }

  #gone(code: number, reason: string): void {
    const message = this.#said || reason || `closed with ${code}`;
    const final = FINAL[code];
    if (final) return this.#end(final, message);
    // Sent again it would close the next one too. The node answered for all that are smaller.
    if (code === 4413 && this.#largest) this.#upper.heard({ type: "wirebell.error", code: "data_too_large", message, ref: this.#largest.ref });
    // The node is full: sooner than this there is no room.
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
    this.#drop();
    const now = Date.now();
    const retryAt = Math.max(now + backoff(this.#attempts++), this.#notBefore);
    this.#tell(this.#settings.hasNetwork() ? { state: "waiting", retryAt, reason, message } : { state: "offline", retryAt });
    this.#later(retryAt - now, () => void this.#try());
  }

  /** Tries soon, if it waits; but not before the node wants it. */
  #hurry(within: number): void {
    if (this.#state !== "waiting" && this.#state !== "offline") return;
    this.#later(Math.max(Math.random() * within, this.#notBefore - Date.now()), () => void this.#try());
  }

  #end(reason: ClosedReason, message: string): void {
    if (this.#state === "closed") return;
    this.#drop();
    this.#stopSignals?.();
    this.#tell({ state: "closed", reason, message });
  }

  #drop(): void {
    this.#round++;
    clearTimeout(this.#timer);
    this.#renewing = false;
    this.#wire?.drop();
    this.#wire = this.#largest = undefined;
  }

  #send(frame: Frame): void {
    this.#wire?.send(frame);
  }

  #tell(status: Status): void {
    this.#state = status.state;
    this.#upper.status(status);
  }

  #later(millis: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, millis);
  }
}
