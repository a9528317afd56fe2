// One device's connection: a plain WebSocket, and what a good client does around it. It comes back with jitter,
// heeds what the node asks for, asks for what it missed, renews its token in band, and notices a line that has gone
// silent.
import { delay, isFinal } from "./closing.js";
import { mint, renewIn } from "./token.js";

const HIDDEN = "(not shown)";
const PONG_WITHIN = 10_000;
const STEADY_AFTER = 10_000;

export class Connection extends EventTarget {
  #socket; #timers = new Map(); #attempt = 0; #refs = 0; #after; #begun = 0; #expires; #renewing; #generation = 0; #cursor;
  state = { name: "connecting" };

  constructor(user, device, lifetime) {
    super();
    Object.assign(this, { user, device, lifetime });
  }

  async open() {
    const generation = ++this.#generation;
    this.#rest();
    this.#to({ name: "connecting" });
    let token;
    try {
      token = await mint(this.user, this.device, this.lifetime);
    } catch (error) {
      if (generation === this.#generation) this.#comeBack({ why: error.message });
      return;
    }
    if (generation !== this.#generation) return;
    this.#begun = Date.now();
    this.#connect(token);
  }

  // Ends it for good, or until `open`.
  end() {
    this.#generation += 1;
    this.#rest();
    this.#drop();
    this.#to({ name: "closed", code: 1000 });
  }

  // Leaves the socket behind without a word to the rest of the page, which then finds back as after any loss.
  cut() {
    this.#generation += 1;
    this.#drop();
    this.#tell("note", "cut on this page");
    this.#comeBack({ why: "cut on this page", seconds: 1 + delay(1) });
  }

  // A new token on the live socket.
  async renew() {
    const generation = this.#generation;
    const begun = Date.now();
    this.#renewing = this.#expires;
    try {
      const token = await mint(this.user, this.device, this.lifetime);
      if (generation !== this.#generation) return;
      this.#begun = begun;
      this.#send({ type: "wirebell.auth", token, ref: this.#ref() });
    } catch (error) {
      this.#tell("note", `no new token: ${error.message}`);
      this.#renewing = undefined;
      this.#in("renew", 2_000, () => this.renew());
    }
  }

  #connect(token) {
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    // Where it has come to in its user's log: the node sends what is behind that first.
    if (this.#cursor) url.searchParams.set("cursor", this.#cursor);
    const socket = new WebSocket(url, ["wirebell.v1", `wirebell.bearer.${token}`]);
    this.#socket = socket;
    this.#after = undefined;
    this.#tell("note", `GET ${url.pathname}${url.search}, offering wirebell.v1 and wirebell.bearer.${HIDDEN}`);
    const mine = (handle) => (event) => { if (this.#socket === socket) handle(event); };
    socket.onmessage = mine((event) => this.#hear(event.data));
    socket.onclose = mine((event) => this.#closed(event));
  }

  #hear(text) {
    const arrived = Date.now();
    this.#tell("in", text);
    let frame;
    try { frame = JSON.parse(text); } catch { return; }
    const handler = this.#handlers[frame.type];
    if (handler) handler(frame, arrived);
    else if (!frame.type?.startsWith("wirebell.")) this.#event(frame, arrived);
  }

  #event(frame, arrived) {
    this.#emit("event", { event: frame, arrived });
    if (frame.cursor && frame.channel === `user:${this.user}`) this.#cursor = frame.cursor;
  }

  #handlers = {
    "wirebell.welcome": (frame) => {
      this.#to({ name: "live", connection: frame.connection });
      this.#valid(frame.expires, false);
      this.#in("steady", STEADY_AFTER, () => { this.#attempt = 0; });
      this.#listenFor(frame.heartbeat * 1000);
    },
    "wirebell.reply": (frame) => {
      if (frame.data?.expires) this.#valid(frame.data.expires, true);
    },
    // It may come while the token that it speaks of is being renewed, and one new token is enough.
    "wirebell.expiring": (frame) => { if (frame.expires !== this.#renewing) this.#renewBefore(frame.expires); },
    "wirebell.gap": () => this.#tell("note", "something is missing: the log no longer reaches back"),
    "wirebell.pong": () => this.#stop("pong"),
    "wirebell.reconnect": (frame) => { this.#after = frame.after; },
  };

  #valid(expires, renewed) {
    this.#expires = expires;
    this.#emit("token", { expires, renewed });
    this.#renewBefore(expires);
  }

  #renewBefore(expires) {
    this.#in("renew", Math.max(0, renewIn(expires, this.#begun)), () => this.renew());
  }

  // A browser shows no pings of the protocol to its page, so the page asks by itself.
  #listenFor(every) {
    this.#in("ping", every, () => {
      this.#send({ type: "wirebell.ping", ref: this.#ref() });
      this.#in("pong", PONG_WITHIN, () => { this.#drop(); this.#comeBack({ why: "the line is silent" }); });
      this.#listenFor(every);
    });
  }

  #closed({ code, reason }) {
    this.#tell("note", `closed with ${code}${reason ? `, “${reason}”` : ""}`);
    this.#socket = undefined;
    if (isFinal(code)) {
      this.#rest();
      this.#to({ name: "closed", code });
    } else {
      this.#comeBack({ code, seconds: this.#after });
    }
  }

  #comeBack({ code, why, seconds = delay(this.#attempt + 1) }) {
    this.#rest();
    this.#attempt += 1;
    this.#to({ name: "reconnecting", code, why, at: Date.now() + seconds * 1000 });
    this.#in("open", seconds * 1000, () => this.open());
  }

  #send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(frame));
    this.#tell("out", JSON.stringify("token" in frame ? { ...frame, token: HIDDEN } : frame));
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #ref() { return String(++this.#refs); }
  #to(state) { this.state = state; this.#emit("state", state); }
  #tell(direction, text) { this.#emit("frame", { direction, text, at: Date.now() }); }
  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
  #in(name, millis, run) { this.#stop(name); this.#timers.set(name, setTimeout(run, millis)); }
  #stop(name) { clearTimeout(this.#timers.get(name)); }
  #rest() { for (const name of this.#timers.keys()) this.#stop(name); }
}
