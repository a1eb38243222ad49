/** What each of several steps takes that work in turn, each on what the one before gives it: its own time alone. */
export class Stopwatch {
  readonly #now: () => number;
  readonly #ms: Map<string, number>;
  readonly #running: string[] = [];
  #sinceMs = 0;

  /** @param now a clock in ms */
  constructor(now: () => number, steps: readonly string[]) {
    this.#now = now;
    this.#ms = new Map(steps.map((step) => [step, 0]));
  }

  run<T>(step: string, work: () => T): T {
    this.#note();
    this.#running.push(step);
    try {
      return work();
    } finally {
      this.#note();
      this.#running.pop();
    }
  }

  /** Items as they are asked for. */
  *each<T>(step: string, items: Iterable<T>): Generator<T, void> {
    const iterator = items[Symbol.iterator]();
    for (;;) {
      const next = this.run(step, () => iterator.next());
      if (next.done) return;
      yield next.value;
    }
  }

  get steps(): { step: string; ms: number }[] {
    return Array.from(this.#ms, ([step, ms]) => ({ step, ms: Math.round(ms) }));
  }

  #note(): void {
    const nowMs = this.#now();
    const step = this.#running.at(-1);
    if (step !== undefined) this.#ms.set(step, (this.#ms.get(step) ?? 0) + nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
  }
}
