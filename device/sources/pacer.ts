/** The time a played source runs by. */
export interface Timing {
  /** Monotonic, as performance.now. */
  now(): number;
  /** Calls once after `ms`; the function returned calls it off. */
  after(ms: number, call: () => void): () => void;
}

export const realTime: Timing = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

export const chunksPerSecond = 20;
/** A laptop that slept does not play what it slept through; shorter standstills are caught up with. */
const maxCatchUpMs = 10_000;

/**
 * Calls `give` for each twentieth of a second at its absolute deadline: it never drifts, and after a standstill gives what is
 * overdue. `give` gets the deadline, which is the capture time of the chunk's last sample, and returns false at the end.
 */
export class Pacer {
  readonly #give: (deadlineMs: number) => boolean;
  readonly #timing: Timing;
  #startedMs = 0;
  #given = 0;
  #cancel: (() => void) | null = null;

  constructor(give: (deadlineMs: number) => boolean, timing: Timing = realTime) {
    this.#give = give;
    this.#timing = timing;
  }

  start(): void {
    this.#startedMs = this.#timing.now();
    this.#wait();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #deadline(): number {
    return this.#startedMs + ((this.#given + 1) * 1000) / chunksPerSecond;
  }

  #wait(): void {
    this.#cancel = this.#timing.after(Math.max(0, this.#deadline() - this.#timing.now()), () => this.#due());
  }

  #due(): void {
    const now = this.#timing.now();
    const overdueMs = now - this.#deadline();
    if (overdueMs > maxCatchUpMs) this.#startedMs += overdueMs;
    while (this.#deadline() <= now) {
      const deadlineMs = this.#deadline();
      this.#given++;
      const more = this.#give(deadlineMs);
      // The listener may have stopped the source.
      if (!more || this.#cancel === null) return;
    }
    this.#wait();
  }
}
