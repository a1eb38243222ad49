export interface RetryOptions {
  readonly minMs?: number;
  readonly maxMs?: number;
  /** A connection that lasted this long was a good one: the next failure begins anew. */
  readonly healthyAfterMs?: number;
  readonly random: () => number;
}

/** Full jitter: a random wait below a ceiling that doubles, so that a hall of kits does not return in one instant. */
export class RetrySchedule {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #healthyAfterMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor({ minMs = 250, maxMs = 5000, healthyAfterMs = 30_000, random }: RetryOptions) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#healthyAfterMs = healthyAfterMs;
    this.#random = random;
  }

  /** Milliseconds to wait now. */
  next(): number {
    const ceiling = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures, 16));
    this.#failures++;
    return this.#random() * ceiling;
  }

  /** A connection that was up for `lastedMs` is over. */
  ended(lastedMs: number): void {
    if (lastedMs >= this.#healthyAfterMs) this.#failures = 0;
  }
}
