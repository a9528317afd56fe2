// Sets of listeners by name.

/** Removes a listener. */
export type Off = () => void;

/** Listeners by name. */
export class Listeners<T extends (...all: any[]) => unknown> {
  #all = new Map<string, Set<T>>();

  on(name: string, run: T): Off {
    let set = this.#all.get(name);
    if (!set) this.#all.set(name, (set = new Set()));
    // The same function may be added twice; each registration is removed separately.
    const own = ((...all) => run(...all)) as T;
    set.add(own);
    return () => {
      set.delete(own);
      if (!set.size) this.#all.delete(name);
    };
  }

  of(name: string): T[] {
    return [...(this.#all.get(name) ?? [])];
  }
}
