// Functions that want to be told.

export type Off = () => void;

export class Listeners<T extends (...all: any[]) => unknown> {
  #all = new Map<string, Set<T>>();

  on(name: string, run: T): Off {
    let set = this.#all.get(name);
    if (!set) this.#all.set(name, (set = new Set()));
    // The same function may be given twice, and each is ended by itself.
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
