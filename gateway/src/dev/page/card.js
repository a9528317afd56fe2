// A device: its card and its connection.
import { everySecond } from "./clock.js";
import { Connection } from "./connection.js";
import { announce, h } from "./elements.js";
import { eventRow } from "./event_row.js";
import { Frames } from "./frames.js";
import { stateText, tokenText } from "./status.js";
import { SHORT } from "./token.js";
import { latency, label } from "./event_text.js";

const MAX_EVENTS = 30;

export class Card {
  #connection; #token; #renewals = 0; #frames = new Frames(); #stopClock;
  #state = h("span", { "data-testid": "state" });
  #id = h("code", { "data-testid": "connection" }, "none yet");
  #validity = h("span", { "data-testid": "token" }, "none yet");
  #events = h("ol", { class: "events", "data-testid": "events", "aria-label": "Events, newest first" });
  #waiting = h("p", { class: "empty" }, "Waiting for the first event.");

  constructor({ user, device, lifetime, removed }) {
    this.#connection = new Connection(user, device, lifetime);
    this.element = this.#draw(user, device, lifetime, removed);
    this.#subscribe();
    this.#stopClock = everySecond(() => this.#updateStatus());
    this.#connection.open();
  }

  // Reconnects now. Called when the network is available again.
  reconnectNow() {
    if (this.#connection.state.name === "reconnecting") this.#connection.open();
  }

  #draw(user, device, lifetime, removed) {
    const end = () => { this.#stopClock(); this.#connection.end(); this.element.remove(); removed(); };
    return h("article", { class: "card", "data-testid": "device", "data-user": user, "data-device": device, "aria-label": `${device} of user ${user}` },
      h("header", {},
        h("h3", {}, device, h("span", { class: "owner", "data-testid": "card-user" }, `user ${user}`)),
        h("p", { class: "state" }, h("i", { class: "indicator", "aria-hidden": "true" }), this.#state)),
      h("dl", { class: "facts" },
        h("div", {}, h("dt", {}, "Connection"), h("dd", {}, this.#id)),
        h("div", {}, h("dt", {}, "Token"), h("dd", {}, this.#validity))),
      h("div", { class: "actions" },
        button("cut", "Cut", () => this.#cutOrOpen()),
        button("renew", "Renew", () => this.#connection.renew()),
        button("short", `${SHORT} s token`, (pressed) => this.#useShortTokens(pressed), lifetime === SHORT),
        button("remove", "Remove", end)),
      this.#waiting, this.#events, this.#frames.element);
  }

  #subscribe() {
    const on = (type, run) => this.#connection.addEventListener(type, ({ detail }) => run(detail));
    on("state", (state) => this.#show(state));
    on("token", ({ expires, renewed }) => { this.#token = expires; this.#renewals += renewed ? 1 : 0; this.#updateStatus(); });
    on("frame", (frame) => this.#frames.add(frame));
    on("event", (arrival) => this.#addEvent(arrival));
  }

  #show(state) {
    this.element.dataset.state = state.name;
    if (state.connection) this.#id.textContent = state.connection;
    this.element.querySelector("[data-testid=cut]").textContent = state.name === "live" ? "Cut" : "Connect";
    this.element.querySelector("[data-testid=renew]").disabled = state.name !== "live";
    this.#updateStatus();
    if (state.name !== "connecting") announce(`${this.element.ariaLabel}: ${stateText(state)}`);
  }

  #updateStatus() {
    this.#state.textContent = stateText(this.#connection.state);
    if (this.#token) this.#validity.textContent = tokenText(this.#token, this.#renewals);
  }

  #addEvent(arrival) {
    this.#waiting.remove();
    this.#events.prepend(eventRow(arrival));
    if (this.#events.childElementCount > MAX_EVENTS) this.#events.lastChild.remove();
    this.element.classList.remove("rings");
    requestAnimationFrame(() => this.element.classList.add("rings"));
    const { figure, unit } = latency(arrival.event.time, arrival.arrived);
    announce(`${this.element.ariaLabel}: ${label(arrival.event)}, ${figure} ${unit}`);
    this.element.dispatchEvent(new CustomEvent("ring", { bubbles: true }));
  }

  #cutOrOpen() {
    if (this.#connection.state.name === "live") this.#connection.cut();
    else this.#connection.open();
  }

  #useShortTokens(pressed) {
    this.#connection.lifetime = pressed ? SHORT : undefined;
    if (this.#connection.state.name === "live") this.#connection.renew();
  }
}

// Creates a button. With `pressed` it is a toggle button.
function button(name, label, run, pressed) {
  const press = ({ currentTarget }) => {
    const now = currentTarget.ariaPressed !== "true";
    if (pressed !== undefined) currentTarget.ariaPressed = String(now);
    run(now);
  };
  const attributes = { type: "button", "data-testid": name, "aria-pressed": pressed === undefined ? undefined : String(pressed) };
  return h("button", { ...attributes, on: { click: press } }, label);
}
