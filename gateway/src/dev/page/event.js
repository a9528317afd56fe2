// One event in a device's list. Whatever it carries becomes text.
import { wallClock } from "./clock.js";
import { h } from "./dom.js";
import { about, sum, took, words } from "./words.js";

const END = new Set(["paid", "declined"]);

export function eventRow({ event, arrived }) {
  const status = typeof event.data?.status === "string" ? event.data.status : undefined;
  const { figure, unit } = took(event.time, arrived);
  return h("li", { class: "event", "data-testid": "event", "data-type": event.type, "data-status": status, "data-end": END.has(status) },
    h("p", { class: "words", "data-testid": "words" }, words(event)),
    h("p", { class: "took", "data-testid": "took" }, h("b", {}, figure), ` ${unit}`),
    h("p", { class: "about" },
      h("code", { "data-testid": "type" }, String(event.type)),
      sum(event) && h("span", {}, sum(event)),
      h("span", {}, about(event)),
      h("time", { datetime: new Date(arrived).toISOString() }, wallClock(arrived))),
    event.type === "payment-status" ? "" : data(event.data));
}

function data(value) {
  const text = JSON.stringify(value, null, 1);
  return h("pre", { class: "data", "data-testid": "data", tabindex: "0", "aria-label": "data of the event" }, text ?? "");
}
