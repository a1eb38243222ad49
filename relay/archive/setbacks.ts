import type { Explained } from '../../systemd/errors.ts';
import { defaultPatience, retryMs } from '../patience.ts';

interface Setback {
  readonly failures: number;
  readonly untilMs: number;
  readonly fault: Explained;
}

/** What cannot be done now, by name: each waits for itself, so that one that fails again and again does not keep the others. */
export class Setbacks {
  readonly #of = new Map<string, Setback>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Of those that failed, the reason of the latest; null: none did. */
  get fault(): Explained | null {
    return [...this.#of.values()].at(-1)?.fault ?? null;
  }

  waits(name: string, nowMs: number): boolean {
    return nowMs < (this.#of.get(name)?.untilMs ?? Number.NEGATIVE_INFINITY);
  }

  failed(name: string, fault: Explained, nowMs: number): void {
    const failures = (this.#of.get(name)?.failures ?? 0) + 1;
    this.forget(name);
    this.#of.set(name, { failures, fault, untilMs: nowMs + retryMs(failures, defaultPatience, this.#random) });
  }

  forget(name: string): void {
    this.#of.delete(name);
  }
}
