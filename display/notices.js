// @ts-check
/**
 * The state in plain words: large under the room's title before the first caption, small at the edge during a talk,
 * where listening needs no words.
 */
import { troubles } from './strings.js';

/** @import { Link } from './connection.js' */
/** @import { RoomStatus } from './messages.js' */
/** @import { Strings } from './strings.js' */

export const noticeLimits = Object.freeze({
  /** A line that comes back sooner was never worth a word. */
  lostAfterMs: 2000,
  skippedShownMs: 15_000,
  /** A state's own message may come from a fault deep inside; a screen shows its first sentence or two. */
  maxMessageLength: 200,
});

/**
 * @typedef {object} NoticeElements
 * @property {HTMLElement} notice small, at the edge
 * @property {HTMLElement} note small, at the edge, for a while
 * @property {HTMLElement} state
 * @property {HTMLElement} detail
 */

export class Notices {
  #elements;
  #strings;
  #host;
  /** Called when the line has been lost for long. */
  onLostLong = () => {};
  /** @type {Link | 'unplaced'} */
  #link = 'connecting';
  /** Whether the loss of the line has lasted long enough to be told. */
  #lostLong = false;
  /** @type {number | null} */
  #lostTimer = null;
  /** @type {RoomStatus | null} */
  #status = null;
  #skipped = false;

  /**
   * @param {NoticeElements} elements
   * @param {Strings} strings
   * @param {{ setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} host
   */
  constructor(elements, strings, host) {
    this.#elements = elements;
    this.#strings = strings;
    this.#host = host;
  }

  /** @param {Link | 'unplaced'} link */
  setLink(link) {
    this.#link = link;
    if (link === 'lost') {
      this.#lostTimer ??= this.#host.setTimeout(() => this.#tellLost(), noticeLimits.lostAfterMs);
    } else {
      if (this.#lostTimer !== null) this.#host.clearTimeout(this.#lostTimer);
      this.#lostTimer = null;
      this.#lostLong = false;
    }
    // The last connection's word on the room is not this one's.
    if (link !== 'lost' && link !== 'open') this.#status = null;
    this.#show();
  }

  /** @param {RoomStatus} status */
  setStatus(status) {
    this.#status = status;
    this.#show();
  }

  /** Tells once that some captions were not shown. */
  tellSkipped() {
    if (this.#skipped) return;
    this.#skipped = true;
    const { note } = this.#elements;
    note.textContent = this.#strings.skipped;
    note.hidden = false;
    this.#host.setTimeout(() => {
      note.hidden = true;
    }, noticeLimits.skippedShownMs);
  }

  #tellLost() {
    this.#lostLong = true;
    this.onLostLong();
    this.#show();
  }

  /** @returns {string} a key of the table of states, or a state this page does not know yet */
  #state() {
    if (this.#link === 'lost' && this.#lostLong) return 'lost';
    if (this.#link === 'open' || this.#link === 'lost') return this.#status?.state ?? 'connecting';
    return this.#link;
  }

  #show() {
    const { notice, state: large, detail } = this.#elements;
    const state = this.#state();
    const { states } = this.#strings;
    const message = (this.#status?.message ?? '').slice(0, noticeLimits.maxMessageLength);
    const known = Object.hasOwn(states, state) ? (states[state] ?? '') : '';
    const words = known || message;
    for (const element of [notice, large]) {
      if (element.textContent !== words) element.textContent = words;
      element.dataset.state = state;
    }
    notice.hidden = state === 'listening' || state === 'connecting' || words === '';
    const explained = known !== '' && troubles.includes(state);
    detail.textContent = explained ? message : '';
    detail.hidden = detail.textContent === '';
  }
}
