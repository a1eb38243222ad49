import type { FailureKind } from './engines/engine.ts';

/** First wait and cap of each kind of failure, in ms; each further failure doubles the wait. */
const waits: Readonly<Record<FailureKind, readonly [first: number, cap: number]>> = {
  reopen: [250, 4000],
  backoff: [500, 4000],
  capacity: [2000, 30_000],
  credentials: [2000, 4000],
  configuration: [2000, 4000],
};
/** A session that held this long was healthy: the next failure starts from the first wait again. */
const healthyMs = 60_000;

/** How long to wait before an engine session is opened again: full jitter, doubling, per kind of failure. */
export class EngineRetry {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The wait in ms; the first `reopen` after a healthy stretch waits for nothing. */
  next(kind: FailureKind, livedMs: number): number {
    if (livedMs >= healthyMs) this.#failures = 0;
    const [first, cap] = waits[kind];
    const failures = this.#failures++;
    if (failures === 0 && kind === 'reopen') return 0;
    return this.#random() * Math.min(cap, first * 2 ** failures);
  }
}
