// The devices of this tab and their names.
import { Card } from "./card.js";

const NAMES = ["phone", "laptop", "tablet", "watch", "desktop", "kiosk", "car", "fridge"];

export class Devices {
  #cards = new Set();
  #names = new Map();

  constructor(lifetime) {
    this.lifetime = lifetime;
    this.container = document.getElementById("cards");
    addEventListener("online", () => { for (const card of this.#cards) card.reconnectNow(); });
  }

  add(user) {
    const card = new Card({
      user,
      device: this.#name(user),
      lifetime: this.lifetime,
      removed: () => { this.#cards.delete(card); this.#updateEmptyNote(); },
    });
    this.#cards.add(card);
    this.container.append(card.element);
    this.#updateEmptyNote();
  }

  #name(user) {
    const nth = this.#names.get(user) ?? 0;
    this.#names.set(user, nth + 1);
    const round = Math.floor(nth / NAMES.length);
    return NAMES[nth % NAMES.length] + (round ? `-${round + 1}` : "");
  }

  #updateEmptyNote() {
    document.getElementById("no-devices").hidden = this.#cards.size > 0;
  }
}
