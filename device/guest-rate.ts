export interface GuestRateLimits {
  readonly perSecond: number;
  readonly atOnce: number;
  /** Whoever was not heard of for longest is forgotten, which is to its advantage. */
  readonly maxAddresses?: number;
}

/** How fast each address may ask: at once up to a number, then evenly. */
export class GuestRate {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  readonly #maxAddresses: number;
  readonly #now: () => number;
  /** When what was asked for will have been paid off; the one heard of last stands last. */
  readonly #paidOffMs = new Map<string, number>();

  /** @param now monotonic, ms */
  constructor({ perSecond, atOnce, maxAddresses = 500 }: GuestRateLimits, now = () => performance.now()) {
    this.#intervalMs = 1000 / perSecond;
    this.#slackMs = (atOnce - 1) * this.#intervalMs;
    this.#maxAddresses = maxAddresses;
    this.#now = now;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#paidOffMs.size;
  }

  /** Whether it may ask now; that is counted. */
  take(address: string): boolean {
    const now = this.#now();
    const paidOffMs = Math.max(this.#paidOffMs.get(address) ?? 0, now);
    const isFree = paidOffMs - now <= this.#slackMs;
    this.#paidOffMs.delete(address);
    this.#paidOffMs.set(address, isFree ? paidOffMs + this.#intervalMs : paidOffMs);
    const [oldest] = this.#paidOffMs.keys();
    if (this.#paidOffMs.size > this.#maxAddresses && oldest !== undefined) this.#paidOffMs.delete(oldest);
    return isFree;
  }
}
