// The connection of one device: a plain WebSocket with the duties of a client. It reconnects with
// jitter, follows `wirebell.reconnect`, resumes from its cursor, renews its token in band, and
// detects a dead connection.
import { delay, isFinal } from "./close_codes.js";
import { mint, renewIn } from "./token.js";

const HIDDEN = "(not shown)";
const PONG_TIMEOUT = 10_000;
const STABLE_AFTER = 10_000;

export class Connection extends EventTarget {
  #socket; #timers = new Map(); #attempt = 0; #refs = 0; #reconnectAfter; #tokenIssued = 0; #expires; #renewing; #generation = 0; #cursor;
  state = { name: "connecting" };

  constructor(user, device, lifetime) {
    super();
    Object.assign(this, { user, device, lifetime });
  }

  async open() {
    const generation = ++this.#generation;
    this.#clearTimers();
    this.#setState({ name: "connecting" });
    let token;
    try {
      token = await mint(this.user, this.device, this.lifetime);
    } catch (error) {
      if (generation === this.#generation) this.#reconnect({ why: error.message });
      return;
    }
    if (generation !== this.#generation) return;
    this.#tokenIssued = Date.now();
    this.#connect(token);
  }

  // Closes the connection. `open` starts a new one.
  end() {
    this.#generation += 1;
    this.#clearTimers();
    this.#drop();
    this.#setState({ name: "closed", code: 1000 });
  }

  // Closes the socket as if the network had failed. The connection then recovers as after any loss.
  cut() {
    this.#generation += 1;
    this.#drop();
    this.#log("note", "cut on this page");
    this.#reconnect({ why: "cut on this page", seconds: 1 + delay(1) });
  }

  // Renews the token on the live socket.
  async renew() {
    const generation = this.#generation;
    const issued = Date.now();
    this.#renewing = this.#expires;
    try {
      const token = await mint(this.user, this.device, this.lifetime);
      if (generation !== this.#generation) return;
      this.#tokenIssued = issued;
      this.#send({ type: "wirebell.auth", token, ref: this.#ref() });
    } catch (error) {
      this.#log("note", `cannot renew the token: ${error.message}`);
      this.#renewing = undefined;
      this.#after("renew", 2_000, () => this.renew());
    }
  }

  #connect(token) {
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    // The last cursor of the user's channel: the node first replays the events after it.
    if (this.#cursor) url.searchParams.set("cursor", this.#cursor);
    const socket = new WebSocket(url, ["wirebell.v1", `wirebell.bearer.${token}`]);
    this.#socket = socket;
    this.#reconnectAfter = undefined;
    this.#log("note", `GET ${url.pathname}${url.search}, offering wirebell.v1 and wirebell.bearer.${HIDDEN}`);
    const ifCurrent = (handle) => (event) => { if (this.#socket === socket) handle(event); };
    socket.onmessage = ifCurrent((event) => this.#receive(event.data));
    socket.onclose = ifCurrent((event) => this.#closed(event));
  }

  #receive(text) {
    const arrived = Date.now();
    this.#log("in", text);
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
      this.#setState({ name: "live", connection: frame.connection });
      this.#tokenAccepted(frame.expires, false);
      this.#after("steady", STABLE_AFTER, () => { this.#attempt = 0; });
      this.#startHeartbeat(frame.heartbeat * 1000);
    },
    "wirebell.reply": (frame) => {
      if (frame.data?.expires) this.#tokenAccepted(frame.data.expires, true);
    },
    // Ignored while a renewal of the same token is under way.
    "wirebell.expiring": (frame) => { if (frame.expires !== this.#renewing) this.#renewBefore(frame.expires); },
    "wirebell.gap": () => this.#log("note", "events are missing: the log no longer contains them"),
    "wirebell.pong": () => this.#clear("pong"),
    "wirebell.reconnect": (frame) => { this.#reconnectAfter = frame.after; },
  };

  #tokenAccepted(expires, renewed) {
    this.#expires = expires;
    this.#emit("token", { expires, renewed });
    this.#renewBefore(expires);
  }

  #renewBefore(expires) {
    this.#after("renew", Math.max(0, renewIn(expires, this.#tokenIssued)), () => this.renew());
  }

  // A browser hides WebSocket pings from the page, so the page sends its own.
  #startHeartbeat(interval) {
    this.#after("ping", interval, () => {
      this.#send({ type: "wirebell.ping", ref: this.#ref() });
      this.#after("pong", PONG_TIMEOUT, () => { this.#drop(); this.#reconnect({ why: "no answer to a ping" }); });
      this.#startHeartbeat(interval);
    });
  }

  #closed({ code, reason }) {
    this.#log("note", `closed with ${code}${reason ? `, “${reason}”` : ""}`);
    this.#socket = undefined;
    if (isFinal(code)) {
      this.#clearTimers();
      this.#setState({ name: "closed", code });
    } else {
      this.#reconnect({ code, seconds: this.#reconnectAfter });
    }
  }

  #reconnect({ code, why, seconds = delay(this.#attempt + 1) }) {
    this.#clearTimers();
    this.#attempt += 1;
    this.#setState({ name: "reconnecting", code, why, at: Date.now() + seconds * 1000 });
    this.#after("open", seconds * 1000, () => this.open());
  }

  #send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(frame));
    this.#log("out", JSON.stringify("token" in frame ? { ...frame, token: HIDDEN } : frame));
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #ref() { return String(++this.#refs); }
  #setState(state) { this.state = state; this.#emit("state", state); }
  #log(direction, text) { this.#emit("frame", { direction, text, at: Date.now() }); }
  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
  #after(name, millis, run) { this.#clear(name); this.#timers.set(name, setTimeout(run, millis)); }
  #clear(name) { clearTimeout(this.#timers.get(name)); }
  #clearTimers() { for (const name of this.#timers.keys()) this.#clear(name); }
}
