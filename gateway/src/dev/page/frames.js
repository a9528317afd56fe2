// The raw frames of one connection in both directions. The text is highlighted, but otherwise
// exactly as on the wire. Tokens are removed before.
import { wallClock } from "./clock.js";
import { copy, h } from "./elements.js";

const MAX_FRAMES = 100;
const MARKS = { in: "in", out: "out", note: "·" };
const TOKENS = /("(?:\\.|[^"\\])*"\s*:)|("(?:\\.|[^"\\])*")|(-?\d[\d.eE+-]*|true|false|null)/g;

export class Frames {
  #kept = [];
  #count = h("span", { class: "count", "data-testid": "frame-count" }, "0");
  #list = h("ol", { class: "wirelog", "data-testid": "frame-list", tabindex: "0", "aria-label": "Raw frames, newest first" });
  element = h("details", { class: "frames", "data-testid": "frames" },
    h("summary", {}, "Raw frames ", this.#count),
    h("p", { class: "hint" }, `Newest first, the last ${MAX_FRAMES}. `, this.#copyAll()),
    this.#list);

  add(frame) {
    this.#kept.unshift(frame);
    this.#list.prepend(row(frame));
    if (this.#kept.length > MAX_FRAMES) {
      this.#kept.pop();
      this.#list.lastChild.remove();
    }
    this.#count.textContent = String(this.#kept.length);
  }

  #copyAll() {
    const all = () => this.#kept.map(({ direction, text, at }) => `${wallClock(at)} ${direction} ${text}`).reverse().join("\n");
    return h("button", { type: "button", class: "quiet", on: { click: ({ currentTarget }) => copy(currentTarget, all()) } }, "Copy all");
  }
}

function row({ direction, text, at }) {
  return h("li", { class: direction, "data-testid": "frame", "data-direction": direction },
    h("span", { class: "way" }, MARKS[direction]),
    h("time", {}, wallClock(at)),
    h("code", { "data-testid": "frame-text" }, ...(direction === "note" ? [text] : highlighted(text))));
}

function highlighted(text) {
  const pieces = [];
  let from = 0;
  for (const match of text.matchAll(TOKENS)) {
    pieces.push(text.slice(from, match.index));
    const [whole, key, string] = match;
    pieces.push(h("span", { class: key ? "key" : string ? "string" : "value" }, whole));
    from = match.index + whole.length;
  }
  return [...pieces, text.slice(from)];
}
