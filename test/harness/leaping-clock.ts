import type { Clock } from '../../relay/patience.ts';

/** Time that stands still while anything works, and leaps to the end of the next wait when it is told to. */
export class LeapingClock implements Clock {
  #nowMs: number;
  readonly #waits = new Set<{ readonly atMs: number; readonly end: () => void }>();
  readonly now = () => this.#nowMs;
  readonly random: () => number;
  /** Every wait that was begun, ms. */
  readonly slept: number[] = [];

  constructor(nowMs = Date.parse('2026-11-22T09:00:00Z'), random: () => number = Math.random) {
    this.#nowMs = nowMs;
    this.random = random;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.slept.push(ms);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait = { atMs: this.#nowMs + ms, end: resolve };
    this.#waits.add(wait);
    const cut = () => {
      this.#waits.delete(wait);
      reject(signal.reason);
    };
    signal.addEventListener('abort', cut, { once: true });
    return promise;
  }

  /** From wait to wait, until it is so. */
  async leapUntil(isSo: () => boolean, maxMs = 30 * 86_400_000): Promise<void> {
    const endMs = this.#nowMs + maxMs;
    const realEnd = performance.now() + 45_000;
    while (!isSo()) {
      const [next] = [...this.#waits].sort((a, b) => a.atMs - b.atMs);
      if (next) {
        if (next.atMs > endMs) throw new Error(`It did not become so within ${maxMs} ms`);
        this.#nowMs = next.atMs;
        this.#waits.delete(next);
        next.end();
      }
      if (performance.now() > realEnd) throw new Error('It did not become so');
      // What works on meanwhile reads files and asks over sockets.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}
