export interface PaceLimits {
  /** Audio that may come at once at the start. */
  readonly startMs: number;
  /** Audio that may come at once later: what PortAudio keeps of a standstill of the child, and some more. */
  readonly maxBurstMs: number;
  /** A card's clock may be fast, but not by this much. */
  readonly maxRate: number;
}

export const paceLimits: PaceLimits = { startMs: 1000, maxBurstMs: 3000, maxRate: 1.05 };

/**
 * Notices a source that gives more audio than time passes: a virtual card that nothing paces gives minutes in a second, and
 * one that is opened at a wrong rate two or three seconds in one. Such audio has no true positions.
 */
export class PaceGuard {
  readonly #limits: PaceLimits;
  #creditMs: number;
  #latestMs: number | null = null;

  constructor(limits: PaceLimits = paceLimits) {
    this.#limits = limits;
    this.#creditMs = limits.startMs;
  }

  /** Counts `audioMs` of audio given at `atMs`; false once it is more than time allows. */
  allows(audioMs: number, atMs: number): boolean {
    const passedMs = this.#latestMs === null ? 0 : Math.max(0, atMs - this.#latestMs);
    this.#latestMs = Math.max(atMs, this.#latestMs ?? atMs);
    const { maxBurstMs, maxRate } = this.#limits;
    this.#creditMs = Math.min(maxBurstMs, this.#creditMs + passedMs * maxRate) - audioMs;
    return this.#creditMs >= 0;
  }
}
