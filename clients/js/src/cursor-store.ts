// The positions in all channels. The cursors are stored over a reload, per address and user; events
// are not.
import type { CursorStorage } from "./options.js";
import { Position } from "./position.js";

/** The positions of the current user. */
export class CursorStore {
  #storage: CursorStorage | null;
  #url: string;
  #user: string | undefined;
  #positions = new Map<string, Position>();

  constructor(storage: CursorStorage | null, url: string) {
    this.#storage = storage;
    this.#url = url;
  }

  /** Selects the user, and returns the stored cursors by channel. */
  of(user: string): Record<string, string> {
    if (user !== this.#user) {
      this.#user = user;
      this.#positions.clear();
      try {
        const stored = JSON.parse(this.#storage?.getItem(this.#key) ?? "{}");
        for (const channel of Object.keys(stored)) this.#positions.set(channel, new Position(stored[channel]));
      } catch {
        // An entry of another program, or an unusable storage: the same as no entry.
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

  /** Removes the position of a channel. */
  drop(channel: string): void {
    if (this.#positions.delete(channel)) this.save();
  }

  /** Writes the cursors to the storage. */
  save(): void {
    if (this.#user === undefined) return;
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(this.#cursors()));
    } catch {
      // The storage is full or forbidden. The positions stay in memory until the page is closed.
    }
  }

  /** Removes all positions of the user, also from the storage. */
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
