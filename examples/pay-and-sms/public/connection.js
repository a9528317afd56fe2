// A WebSocket that resumes after a disconnect, without a library. It keeps the cursor of the last event in the user's
// log, resumes from it, and acknowledges an event once `onEvent` has shown it.
const MIN_WAIT = 500;
const MAX_WAIT = 20_000;

export class Connection {
  #access;
  #onEvent;
  #onState;
  #socket;
  #timer;
  #attempts = 0;
  #wanted = false;
  // The start of the log: a new page receives all stored events.
  #cursor = "0-0";

  constructor({ access, onEvent, onState }) {
    this.#access = access;
    this.#onEvent = onEvent;
    this.#onState = onState;
    addEventListener("offline", () => this.#wanted && this.#disconnect("away"));
    addEventListener("online", () => this.#wanted && this.open());
  }

  async open() {
    this.#wanted = true;
    this.#disconnect("connecting");
    const attempt = (this.#socket = {});
    const session = await this.#access().catch(() => undefined);
    if (attempt !== this.#socket) return;
    if (!session) return this.#reconnectLater();
    const socket = new WebSocket(`${session.url}?cursor=${this.#cursor}`, ["wirebell.v1", `wirebell.bearer.${session.token}`]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data));
    socket.onclose = () => socket === this.#socket && this.#reconnectLater();
  }

  close() {
    this.#wanted = false;
    this.#disconnect("off");
  }

  #receive(frame) {
    if (frame.type === "wirebell.welcome") {
      this.#attempts = 0;
      this.#onState("live");
    } else if (frame.type === "wirebell.expiring") {
      this.#access().then(({ token }) => this.#send({ type: "wirebell.auth", token }), () => {});
    } else if (!frame.type.startsWith("wirebell.")) {
      this.#onEvent(frame);
      if (!frame.cursor) return;
      this.#cursor = frame.cursor;
      if (frame.ack) this.#send({ type: "wirebell.ack", channel: frame.channel, cursor: frame.cursor });
    }
  }

  #send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  // A random wait with a doubling limit, so that many phones do not reconnect at the same moment.
  #reconnectLater() {
    this.#onState("away");
    this.#timer = setTimeout(() => this.open(), Math.random() * Math.min(MAX_WAIT, MIN_WAIT * 2 ** this.#attempts++));
  }

  #disconnect(state) {
    clearTimeout(this.#timer);
    const old = this.#socket;
    this.#socket = undefined;
    old?.close?.();
    this.#onState(state);
  }
}
