// @ts-check
/** What is above the first caption that is loaded: more, the beginning, or what an organizer cleared; and how loading goes. */
import { make } from '../make.js';

/** @import { Top } from './window.js' */
/** @import { ReaderStrings } from '../strings.js' */

/** @typedef {'none' | 'more' | 'loading' | 'failed' | 'begin' | 'cut'} TopState */

export class ReaderTop {
  element = make('div', { id: 'top' });
  #words = make('p', { role: 'status' });
  #button = make('button', { type: 'button' });
  #strings;
  /** @type {TopState} */
  #state = 'none';

  /** @param {ReaderStrings} strings @param {{ onRetry: () => void, onUncover: () => void }} listener */
  constructor(strings, { onRetry, onUncover }) {
    this.#strings = strings;
    this.#button.hidden = true;
    this.element.append(this.#words, this.#button);
    this.#button.addEventListener('click', () => (this.#state === 'cut' ? onUncover() : onRetry()));
  }

  /** @param {Top} top @param {'idle' | 'loading' | 'failed'} paging @param {boolean} hasHistory */
  show(top, paging, hasHistory) {
    const state = stateOf(top, paging, hasHistory);
    if (state === this.#state) return;
    this.#state = state;
    const { begin, cut, loading, failed, retry, uncover } = this.#strings;
    this.#words.textContent = { none: '', more: '', begin, cut, loading, failed }[state];
    const hadFocus = document.activeElement === this.#button;
    this.#button.textContent = state === 'cut' ? uncover : retry;
    this.#button.hidden = state !== 'cut' && state !== 'failed';
    this.element.dataset.top = state;
    if (hadFocus && this.#button.hidden) this.element.parentElement?.focus({ preventScroll: true });
  }
}

/** @param {Top} top @param {'idle' | 'loading' | 'failed'} paging @param {boolean} hasHistory @returns {TopState} */
function stateOf(top, paging, hasHistory) {
  if (top === 'begin') return 'begin';
  if (!hasHistory) return 'none';
  if (top === 'cut') return 'cut';
  return paging === 'idle' ? 'more' : paging;
}
