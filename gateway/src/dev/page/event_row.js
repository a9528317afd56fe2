// One event in a device's list. All content is rendered as text.
import { wallClock } from "./clock.js";
import { h } from "./elements.js";
import { amount, label, latency, reference } from "./event_text.js";

const FINAL_STATES = new Set(["paid", "declined"]);

export function eventRow({ event, arrived }) {
  const status = typeof event.data?.status === "string" ? event.data.status : undefined;
  const { figure, unit } = latency(event.time, arrived);
  return h("li", { class: "event", "data-testid": "event", "data-type": event.type, "data-status": status, "data-end": FINAL_STATES.has(status) },
    h("p", { class: "words", "data-testid": "words" }, label(event)),
    h("p", { class: "took", "data-testid": "took" }, h("b", {}, figure), ` ${unit}`),
    h("p", { class: "about" },
      h("code", { "data-testid": "type" }, String(event.type)),
      amount(event) && h("span", {}, amount(event)),
      h("span", {}, reference(event)),
      h("time", { datetime: new Date(arrived).toISOString() }, wallClock(arrived))),
    event.type === "payment-status" ? "" : data(event.data));
}

function data(value) {
  const text = JSON.stringify(value, null, 1);
  return h("pre", { class: "data", "data-testid": "data", tabindex: "0", "aria-label": "data of the event" }, text ?? "");
}
