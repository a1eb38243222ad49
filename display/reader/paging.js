// @ts-check
/** Keeps a window supplied with pages of history: one at a time, tried again by itself and by the reader's hand. */

/** @import { Asked, Page, PageQuery, ReaderWindow } from './window.js' */

/** Retries are spread out between `minRetryMs` and a bound that doubles: a relay may have 2,000 pages to answer. */
export const pagingLimits = Object.freeze({
  minRetryMs: 500,
  firstRetryMs: 2000,
  maxRetryMs: 30_000,
  /** What all pages lack at the same moment is asked for within this time. */
  spreadMs: 5000,
});

/**
 * @typedef {object} PagingHost
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

export class Paging {
  #window;
  #fetchPage;
  #host;
  #onChange;
  /** @type {Asked | null} what is under way */
  #asked = null;
  #failures = 0;
  /** The attempt that is under way is the reader's own. */
  #isPressed = false;
  /** @type {number | null} */
  #timer = null;
  #near = { top: false, bottom: false };

  /**
   * @param {ReaderWindow} window
   * @param {(query: PageQuery) => Promise<Page>} fetchPage
   * @param {PagingHost} host
   * @param {(taken: boolean) => void} onChange a page was taken, or what `state` says has changed
   */
  constructor(window, fetchPage, host, onChange) {
    this.#window = window;
    this.#fetchPage = fetchPage;
    this.#host = host;
    this.#onChange = onChange;
  }

  /** @returns {'idle' | 'loading' | 'failed'} */
  get state() {
    // Attempts that come by themselves do not take the button from under a thumb.
    if (this.#failures > 0 && !this.#isPressed) return 'failed';
    return this.#asked ? 'loading' : 'idle';
  }

  /** Fetches what the window lacks. @param {{ top: boolean, bottom: boolean }} near the ends that the reader is near */
  supply(near) {
    this.#near = near;
    if (this.#timer === null) this.#go();
  }

  /** Another attempt at once: the reader asks for it, or the network is back. */
  retry() {
    this.#isPressed = true;
    if (this.#timer !== null) this.#host.clearTimeout(this.#timer);
    this.#again();
  }

  #again() {
    this.#timer = null;
    this.#go();
    if (!this.#asked) this.#isPressed = false;
    this.#onChange(false);
  }

  #go() {
    const asked = this.#window.ask(this.#near);
    if (!asked) {
      if (!this.#asked) this.#failures = 0; // the reader is not near what was lacking any more
      return;
    }
    this.#asked = asked;
    void this.#fetch(asked).then(
      (page) => {
        this.#failures = 0;
        this.#end(asked);
        this.#onChange(this.#window.take(asked, page));
      },
      () => {
        this.#window.giveUp(asked);
        if (this.#asked !== asked) return; // overtaken: nobody waits for it any more
        this.#end(asked);
        this.#fail();
      },
    );
  }

  /** @param {Asked} asked */
  async #fetch({ kind, query }) {
    const waitMs = kind === 'again' ? this.#host.random() * pagingLimits.spreadMs : 0;
    if (waitMs > 0) await new Promise((resolve) => this.#host.setTimeout(() => resolve(null), waitMs));
    return this.#fetchPage(query);
  }

  /** @param {Asked} asked */
  #end(asked) {
    if (this.#asked === asked) this.#asked = null;
    this.#isPressed = false;
  }

  #fail() {
    const { minRetryMs, firstRetryMs, maxRetryMs } = pagingLimits;
    const bound = Math.min(maxRetryMs, firstRetryMs * 2 ** this.#failures++);
    const wait = minRetryMs + this.#host.random() * (bound - minRetryMs);
    this.#timer = this.#host.setTimeout(() => this.#again(), wait);
    this.#onChange(false);
  }
}
