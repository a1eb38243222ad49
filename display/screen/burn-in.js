// @ts-check
/**
 * Moves a page by a pixel now and then, so that letters that stand for hours do not burn into a screen. Only while
 * nobody reads: after 30 s without words, and never while words come.
 */

export const burnInLimits = Object.freeze({
  quietMs: 30_000,
  stepMs: 10_000,
  /** At most so far from where the page belongs, in each direction. */
  maxPixels: 4,
});

/**
 * Where the page stands after so many steps: through every pixel of a square, one at a time, and back the same way.
 * @param {number} step @param {number} max @returns {[x: number, y: number]}
 */
export function offsetAt(step, max = burnInLimits.maxPixels) {
  const side = 2 * max + 1;
  const last = side * side - 1;
  // From the middle on, to the end, back to the beginning, and so on.
  const turn = (step + last / 2) % (2 * last);
  const n = turn <= last ? turn : 2 * last - turn;
  const [row, column] = [Math.floor(n / side), n % side];
  return [(row % 2 === 0 ? column : side - 1 - column) - max, row - max];
}

export class BurnIn {
  #move;
  #host;
  #limits;
  #step = 0;
  /** @type {number | null} */
  #timer = null;

  /**
   * @param {(x: number, y: number) => void} move px from where the page belongs
   * @param {{ setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} host
   * @param {typeof burnInLimits} [limits]
   */
  constructor(move, host, limits = burnInLimits) {
    this.#move = move;
    this.#host = host;
    this.#limits = limits;
  }

  /** Words came, or the page begins: it stays where it is for a while. */
  rest() {
    if (this.#timer !== null) this.#host.clearTimeout(this.#timer);
    this.#wait(this.#limits.quietMs);
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#timer = this.#host.setTimeout(() => {
      this.#step++;
      this.#move(...offsetAt(this.#step, this.#limits.maxPixels));
      this.#wait(this.#limits.stepMs);
    }, ms);
  }
}
