import { sampleRate } from './protocol.js';

export interface PaceOptions {
  /** Times real time; the service documents no more than "as close to real time as possible". */
  readonly maxRate: number;
  /** What may go out at once: live frames that the network bunched are not held up. */
  readonly burstMs: number;
}

/** Lets audio through at most at `maxRate`, as a token bucket. */
export class Pace {
  readonly #options: PaceOptions;
  #fullAtMs = 0;

  constructor(options: PaceOptions = { maxRate: 1.25, burstMs: 300 }) {
    this.#options = options;
  }

  /** When the next frame may go. */
  get readyAt(): number {
    return this.#fullAtMs - this.#options.burstMs;
  }

  waitMs(nowMs: number): number {
    return Math.max(0, this.readyAt - nowMs);
  }

  spend(nowMs: number, samples: number): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + (samples * 1000) / sampleRate / this.#options.maxRate;
  }
}
