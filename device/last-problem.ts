import type { Explained } from '../systemd/errors.ts';

export interface PastProblem {
  readonly message: string;
  readonly hint: string;
  /** 0: it is there. */
  readonly agoMs: number;
}

/** What was wrong last: whoever comes to the kit may come after it. */
export class LastProblem {
  readonly #now: () => number;
  #last: { readonly problem: Explained; atMs: number } | null = null;
  #isThere = false;

  /** @param now monotonic */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** To be called once a second. */
  see(problem: Explained | null): void {
    this.#isThere = problem !== null;
    if (problem) this.#last = { problem, atMs: this.#now() };
  }

  get last(): PastProblem | null {
    if (!this.#last) return null;
    const { message, hint } = this.#last.problem;
    return { message, hint, agoMs: this.#isThere ? 0 : Math.round(this.#now() - this.#last.atMs) };
  }
}
