// One device: its card, and the connection behind it.
import { everySecond } from "./clock.js";
import { Connection } from "./connection.js";
import { announce, h } from "./dom.js";
import { eventRow } from "./event.js";
import { Frames } from "./frames.js";
import { stateInWords, tokenInWords } from "./status.js";
import { SHORT } from "./token.js";
import { took, words } from "./words.js";

const EVENTS_KEPT = 30;

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
    this.#follow();
    this.#stopClock = everySecond(() => this.#count());
    this.#connection.open();
  }

  // The network is back: no need to wait out the delay.
  hurry() {
    if (this.#connection.state.name === "reconnecting") this.#connection.open();
  }

  #draw(user, device, lifetime, removed) {
    const end = () => { this.#stopClock(); this.#connection.end(); this.element.remove(); removed(); };
    return h("article", { class: "card", "data-testid": "device", "data-user": user, "data-device": device, "aria-label": `${device} of user ${user}` },
      h("header", {},
        h("h3", {}, device, h("span", { class: "of", "data-testid": "card-user" }, `user ${user}`)),
        h("p", { class: "state" }, h("i", { class: "lamp", "aria-hidden": "true" }), this.#state)),
      h("dl", { class: "facts" },
        h("div", {}, h("dt", {}, "Connection"), h("dd", {}, this.#id)),
        h("div", {}, h("dt", {}, "Token"), h("dd", {}, this.#validity))),
      h("div", { class: "acts" },
        button("cut", "Cut", () => this.#cutOrOpen()),
        button("renew", "Renew", () => this.#connection.renew()),
        button("short", `${SHORT} s token`, (pressed) => this.#shorten(pressed), lifetime === SHORT),
        button("remove", "Remove", end)),
      this.#waiting, this.#events, this.#frames.element);
  }

  #follow() {
    const on = (type, run) => this.#connection.addEventListener(type, ({ detail }) => run(detail));
    on("state", (state) => this.#show(state));
    on("token", ({ expires, renewed }) => { this.#token = expires; this.#renewals += renewed ? 1 : 0; this.#count(); });
    on("frame", (frame) => this.#frames.add(frame));
    on("event", (arrival) => this.#ring(arrival));
  }

  #show(state) {
    this.element.dataset.state = state.name;
    if (state.connection) this.#id.textContent = state.connection;
    this.element.querySelector("[data-testid=cut]").textContent = state.name === "live" ? "Cut" : "Connect";
    this.element.querySelector("[data-testid=renew]").disabled = state.name !== "live";
    this.#count();
    if (state.name !== "connecting") announce(`${this.element.ariaLabel}: ${stateInWords(state)}`);
  }

  #count() {
    this.#state.textContent = stateInWords(this.#connection.state);
    if (this.#token) this.#validity.textContent = tokenInWords(this.#token, this.#renewals);
  }

  #ring(arrival) {
    this.#waiting.remove();
    this.#events.prepend(eventRow(arrival));
    if (this.#events.childElementCount > EVENTS_KEPT) this.#events.lastChild.remove();
    this.element.classList.remove("rings");
    requestAnimationFrame(() => this.element.classList.add("rings"));
    const { figure, unit } = took(arrival.event.time, arrival.arrived);
    announce(`${this.element.ariaLabel}: ${words(arrival.event)}, ${figure} ${unit}`);
    this.element.dispatchEvent(new CustomEvent("ring", { bubbles: true }));
  }

  #cutOrOpen() {
    if (this.#connection.state.name === "live") this.#connection.cut();
    else this.#connection.open();
  }

  #shorten(pressed) {
    this.#connection.lifetime = pressed ? SHORT : undefined;
    if (this.#connection.state.name === "live") this.#connection.renew();
  }
}

// With a fourth argument it is a switch.
function button(name, label, run, pressed) {
  const press = ({ currentTarget }) => {
    const now = currentTarget.ariaPressed !== "true";
    if (pressed !== undefined) currentTarget.ariaPressed = String(now);
    run(now);
  };
  const attributes = { type: "button", "data-testid": name, "aria-pressed": pressed === undefined ? undefined : String(pressed) };
  return h("button", { ...attributes, on: { click: press } }, label);
}
