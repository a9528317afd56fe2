// Which server holds what: the slots of a Cluster, or all of them on one server.

const SLOTS = 16_384;

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The address as text, to know it by. */
export function name(address: Address): string {
  return `${address.host}:${address.port}`;
}

type Range = readonly [first: number, last: number, owner: Address];

/** The owners of the slots, in order. */
export class Slots {
  readonly #ranges: readonly Range[];

  private constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  /** One server has them all. */
  static allAt(address: Address): Slots {
    return new Slots([[0, SLOTS - 1, address]]);
  }

  /**
   * Reads the answer to `CLUSTER SLOTS` of the server that was asked. Undefined if it is not one, or not every slot has
   * an owner: a channel without one could not be published to.
   */
  static read(answer: unknown, asked: Address): Slots | undefined {
    if (!Array.isArray(answer)) return undefined;
    const ranges = answer.map((row: unknown) => range(row, asked));
    if (ranges.some((range) => range === undefined)) return undefined;
    const sorted = (ranges as Range[]).sort((a, b) => a[0] - b[0]);
    let next = 0;
    for (const [first, last] of sorted) {
      if (first !== next) return undefined;
      next = last + 1;
    }
    return next === SLOTS ? new Slots(sorted) : undefined;
  }

  /** Who has the slot of this key. */
  owner(key: string): Address | undefined {
    if (this.#ranges.length === 1) return this.#ranges[0]?.[2];
    const slot = slotOf(key);
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.[1] ?? SLOTS) < slot) low = middle + 1;
      else high = middle;
    }
    return this.#ranges[low]?.[2];
  }

  /** All owners, each once. */
  owners(): Address[] {
    return [...new Map(this.#ranges.map(([, , owner]) => [name(owner), owner])).values()];
  }
}

/** The slot of a key: CRC-16/XMODEM over its hash tag, if it has one. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % SLOTS;
}

// `[first, last, [host, port, …], …replicas]`.
function range(row: unknown, asked: Address): Range | undefined {
  if (!Array.isArray(row) || !Array.isArray(row[2])) return undefined;
  const [first, last, [host, port]] = row as [unknown, unknown, unknown[]];
  if (typeof first !== "number" || typeof last !== "number" || typeof port !== "number") return undefined;
  // A server that does not know its own host leaves it out: then it is the one by which it was reached.
  const known = typeof host === "string" && host !== "" && host !== "?" ? host : asked.host;
  return [first, last, { host: known, port }];
}
