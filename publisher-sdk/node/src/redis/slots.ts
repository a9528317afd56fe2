// The owners of the Cluster slots. A single server owns all of them.

const SLOTS = 16_384;

/** The address of a server. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Returns the address as text, which identifies the server. */
export function name(address: Address): string {
  return `${address.host}:${address.port}`;
}

type Range = readonly [first: number, last: number, owner: Address];

/** The owners of all slots, in order. */
export class Slots {
  readonly #ranges: readonly Range[];

  private constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  /** One server owns all slots. */
  static allAt(address: Address): Slots {
    return new Slots([[0, SLOTS - 1, address]]);
  }

  /**
   * Reads the reply to `CLUSTER SLOTS` of the given server. Returns undefined if it is invalid, or
   * if a slot has no owner: channels of that slot could not be published to.
   */
  static read(answer: unknown, server: Address): Slots | undefined {
    if (!Array.isArray(answer)) return undefined;
    const ranges = answer.map((row: unknown) => range(row, server));
    if (ranges.some((range) => range === undefined)) return undefined;
    const sorted = (ranges as Range[]).sort((a, b) => a[0] - b[0]);
    let next = 0;
    for (const [first, last] of sorted) {
      if (first !== next) return undefined;
      next = last + 1;
    }
    return next === SLOTS ? new Slots(sorted) : undefined;
  }

  /** Returns the owner of the key's slot. */
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

  /** Returns all owners, each once. */
  owners(): Address[] {
    return [...new Map(this.#ranges.map(([, , owner]) => [name(owner), owner])).values()];
  }
}

/** Returns the slot of a key: CRC-16/XMODEM of its hash tag, or of the whole key. */
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
function range(row: unknown, server: Address): Range | undefined {
  if (!Array.isArray(row) || !Array.isArray(row[2])) return undefined;
  const [first, last, [host, port]] = row as [unknown, unknown, unknown[]];
  if (typeof first !== "number" || typeof last !== "number" || typeof port !== "number") return undefined;
  // A server that does not know its own host omits it. Then it is the host of the request.
  const known = typeof host === "string" && host !== "" && host !== "?" ? host : server.host;
  return [first, last, { host: known, port }];
}
