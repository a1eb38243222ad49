import { LRUCache } from 'lru-cache';

export interface Rate {
  readonly perMinute: number;
  /** What may come at once; by default what may come in a minute. */
  readonly atOnce?: number;
}

/** HTTP requests of an address: a venue of 2,000 is one, and a page is some sixty files. */
export const defaultRequestsPerMinute = 120_000;

/** As many as are remembered; whoever was not heard of for longest is forgotten, which is to its advantage. */
export const maxKeysRemembered = 20_000;

/** How often something may happen, for each of many keys: at once up to a number, then evenly. One number a key is kept. */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  readonly #now: () => number;
  /** When what was taken will have been paid off. */
  readonly #paidOffMs: LRUCache<string, number>;
  /** How often there was nothing left to take. */
  refused = 0;

  /** @param now monotonic, ms */
  constructor({ perMinute, atOnce = perMinute }: Rate, now = () => performance.now(), maxKeys = maxKeysRemembered) {
    this.#intervalMs = 60_000 / perMinute;
    this.#slackMs = (atOnce - 1) * this.#intervalMs;
    this.#now = now;
    this.#paidOffMs = new LRUCache({ max: maxKeys });
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#paidOffMs.size;
  }

  /** Takes one, or more than one where the last of them may be overdrawn; 0, or after how many ms there is one to take. */
  take(key: string, amount = 1): number {
    const now = this.#now();
    const paidOffMs = Math.max(this.#paidOffMs.get(key) ?? 0, now);
    const waitMs = paidOffMs - now - this.#slackMs;
    if (waitMs > 1e-6) {
      this.refused++;
      return waitMs;
    }
    this.#paidOffMs.set(key, paidOffMs + amount * this.#intervalMs);
    return 0;
  }
}
