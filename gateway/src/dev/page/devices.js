// The devices of this tab: which there are, and how they are called.
import { Card } from "./card.js";

const NAMES = ["phone", "laptop", "tablet", "watch", "desktop", "kiosk", "car", "fridge"];

export class Devices {
  #cards = new Set();
  #names = new Map();

  constructor(lifetime) {
    this.lifetime = lifetime;
    this.place = document.getElementById("cards");
    addEventListener("online", () => { for (const card of this.#cards) card.hurry(); });
  }

  add(user) {
    const card = new Card({
      user,
      device: this.#name(user),
      lifetime: this.lifetime,
      removed: () => { this.#cards.delete(card); this.#empty(); },
    });
    this.#cards.add(card);
    this.place.append(card.element);
    this.#empty();
  }

  #name(user) {
    const nth = this.#names.get(user) ?? 0;
    this.#names.set(user, nth + 1);
    const round = Math.floor(nth / NAMES.length);
    return NAMES[nth % NAMES.length] + (round ? `-${round + 1}` : "");
  }

  #empty() {
    document.getElementById("no-devices").hidden = this.#cards.size > 0;
  }
}
