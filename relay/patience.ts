import { setTimeout as delay } from 'node:timers/promises';

/** Time and chance, injected. */
export interface Clock {
  /** Room time, ms. */
  readonly now: () => number;
  readonly random: () => number;
  /** @throws the signal's reason */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: Date.now,
  random: Math.random,
  sleep: (ms, signal) => delay(ms, undefined, { signal, ref: false }),
};

export interface Patience {
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
}

export const defaultPatience: Patience = { firstRetryMs: 5000, maxRetryMs: 900_000 };

/** The wait after so many failures in a row: doubling to the longest, half of it by chance. */
export function retryMs(failures: number, { firstRetryMs, maxRetryMs }: Patience, random: () => number): number {
  return Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + random() / 2);
}

/** A wait that can be cut short. */
export class Pause {
  #cut = new AbortController();

  /** Until `ms` have passed or somebody wakes it. @throws the signal's reason */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const cut = this.#cut;
    try {
      await clock.sleep(ms, AbortSignal.any([signal, cut.signal]));
    } catch (error) {
      signal.throwIfAborted();
      if (!cut.signal.aborted) throw error;
    } finally {
      if (cut.signal.aborted) this.#cut = new AbortController();
    }
  }

  /** The wait that is on, or else the next one, ends at once. */
  wake(): void {
    this.#cut.abort();
  }
}

/** Does its turns one after the other, until it is stopped. */
export class Loop {
  readonly #turn: (signal: AbortSignal) => Promise<void>;
  readonly #failed: (error: unknown) => void;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /**
   * @param turn waits by itself while there is nothing to do
   * @param failed what it throws; the next turn comes at once
   */
  constructor(turn: (signal: AbortSignal) => Promise<void>, failed: (error: unknown) => void) {
    this.#turn = turn;
    this.#failed = failed;
  }

  /** Aborted when it is stopped. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Returns when its last turn has ended. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the relay stops'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#turn(signal);
      } catch (error) {
        if (!signal.aborted) this.#failed(error);
      }
    }
  }
}
