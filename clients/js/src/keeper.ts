// The positions of all channels, kept over a reload under the address and the user they belong to. Nothing of an event is kept.
import type { CursorStorage } from "./options.js";
import { Position } from "./position.js";

export class Keeper {
  #storage: CursorStorage | null;
  #url: string;
  #user: string | undefined;
  #positions = new Map<string, Position>();

  constructor(storage: CursorStorage | null, url: string) {
    this.#storage = storage;
    this.#url = url;
  }

  /** The cursors of this user, who is the one that `of` speaks of from now on. */
  of(user: string): Record<string, string> {
    if (user !== this.#user) {
      this.#user = user;
      this.#positions.clear();
      try {
        const kept = JSON.parse(this.#storage?.getItem(this.#key) ?? "{}");
        for (const channel of Object.keys(kept)) this.#positions.set(channel, new Position(kept[channel]));
      } catch {
        // Somebody else's entry, or a storage that is not to be used: as if there were none.
      }
    }
    return this.#cursors();
  }

  #cursors(): Record<string, string> {
    const cursors: Record<string, string> = {};
    for (const [channel, { at }] of this.#positions) if (at && !channel.startsWith("conn:")) cursors[channel] = at;
    return cursors;
  }

  get(channel: string): Position {
    let position = this.#positions.get(channel);
    if (!position) this.#positions.set(channel, (position = new Position()));
    return position;
  }

  each(run: (position: Position, channel: string) => void): void {
    this.#positions.forEach(run);
  }

  drop(channel: string): void {
    if (this.#positions.delete(channel)) this.save();
  }

  save(): void {
    if (this.#user === undefined) return;
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(this.#cursors()));
    } catch {
      // Full or forbidden. The positions hold for as long as the page does.
    }
  }

  forget(): void {
    try {
      if (this.#user !== undefined) this.#storage?.removeItem(this.#key);
    } catch {
      // As above.
    }
    this.#user = undefined;
    this.#positions.clear();
  }

  get #key(): string {
    return `wirebell:${this.#url}:${this.#user}`;
  }
}
