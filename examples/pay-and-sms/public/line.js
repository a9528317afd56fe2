// A WebSocket that comes back where it was, without any library. It remembers how far it has come in the user's log (the
// cursor), names that when it comes back, and acknowledges an event once `show` has shown it.
const SOONEST = 500;
const LATEST = 20_000;

export class Line {
  #access;
  #show;
  #state;
  #socket;
  #timer;
  #tries = 0;
  #wanted = false;
  // Before the first event: a page that has just been opened is told all that the log still has.
  #cursor = "0-0";

  constructor({ access, show, state }) {
    this.#access = access;
    this.#show = show;
    this.#state = state;
    addEventListener("offline", () => this.#wanted && this.#cut("away"));
    addEventListener("online", () => this.#wanted && this.open());
  }

  async open() {
    this.#wanted = true;
    this.#cut("connecting");
    const turn = (this.#socket = {});
    const door = await this.#access().catch(() => undefined);
    if (turn !== this.#socket) return;
    if (!door) return this.#later();
    const line = new WebSocket(`${door.url}?cursor=${this.#cursor}`, ["wirebell.v1", `wirebell.bearer.${door.token}`]);
    this.#socket = line;
    line.onmessage = ({ data }) => line === this.#socket && this.#hear(JSON.parse(data));
    line.onclose = () => line === this.#socket && this.#later();
  }

  close() {
    this.#wanted = false;
    this.#cut("off");
  }

  #hear(frame) {
    if (frame.type === "wirebell.welcome") {
      this.#tries = 0;
      this.#state("live");
    } else if (frame.type === "wirebell.expiring") {
      this.#access().then(({ token }) => this.#send({ type: "wirebell.auth", token }), () => {});
    } else if (!frame.type.startsWith("wirebell.")) {
      this.#show(frame);
      if (!frame.cursor) return;
      this.#cursor = frame.cursor;
      if (frame.ack) this.#send({ type: "wirebell.ack", channel: frame.channel, cursor: frame.cursor });
    }
  }

  #send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  // Somewhere within a time that doubles, so that a thousand phones do not come back at the same moment.
  #later() {
    this.#state("away");
    this.#timer = setTimeout(() => this.open(), Math.random() * Math.min(LATEST, SOONEST * 2 ** this.#tries++));
  }

  #cut(state) {
    clearTimeout(this.#timer);
    const old = this.#socket;
    this.#socket = undefined;
    old?.close?.();
    this.#state(state);
  }
}
