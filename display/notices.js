// @ts-check
/**
 * The state in plain words: large under the room's title before the first caption, with what staff can do about it;
 * small at the edge during a talk, where listening needs no words.
 */

/** @import { Link } from './connection.js' */
/** @import { RoomStatus } from './messages.js' */
/** @import { Reason, Strings } from './strings.js' */

/** @typedef {Link | 'unplaced' | 'unenrolled' | 'revoked'} PageLink what a line is, and why a kit's page has none */

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

/**
 * @typedef {object} NoticeHost
 * @property {boolean} forStaff whether this is a room's screen, which staff look after; else a reader's own device
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

/** What a relay says where it knows nothing beyond the state's own words. */
const saysNoMore = 'No sound comes from the room.';
/** The state whose message may come from the kit itself and name the very thing to mend. */
const explainedByKit = 'no-audio';
/** States that need no words during a talk. */
const untold = Object.freeze(['listening', 'connecting']);

export class Notices {
  #elements;
  #strings;
  #host;
  /** Called when the line has been lost for long. */
  onLostLong = () => {};
  /** Called with each state that is shown: a key of the table of states, or one that this page does not know yet. */
  onState = (/** @type {string} */ _state) => {};
  /** @type {PageLink} */
  #link = 'connecting';
  /** @type {Reason | null} */
  #reason = null;
  /** Whether the loss of the line has lasted long enough to be told. */
  #lostLong = false;
  #online = true;
  /** @type {number | null} */
  #lostTimer = null;
  /** @type {RoomStatus | null} */
  #status = null;
  #skipped = false;

  /** @param {NoticeElements} elements @param {Strings} strings @param {NoticeHost} host */
  constructor(elements, strings, host) {
    this.#elements = elements;
    this.#strings = strings;
    this.#host = host;
  }

  /** @param {PageLink} link */
  setLink(link) {
    this.#link = link;
    if (link === 'open') this.#reason = null;
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

  /** Why the line does not open, where a kit's launcher knows. @param {Reason | null} reason */
  setReason(reason) {
    this.#reason = reason;
    this.#show();
  }

  /** @param {RoomStatus} status */
  setStatus(status) {
    this.#status = status;
    this.#show();
  }

  /** Whether this machine has any network, as its browser sees it. @param {boolean} online */
  setOnline(online) {
    this.#online = online;
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

  #state() {
    if (this.#link === 'lost' && this.#lostLong) return this.#online ? 'lost' : 'no-network';
    if (this.#link === 'open' || this.#link === 'lost') return this.#status?.state ?? 'connecting';
    const needsNetwork = this.#link === 'unplaced' || this.#link === 'unenrolled';
    return needsNetwork && !this.#online ? 'no-network' : this.#link;
  }

  #show() {
    const { notice, state: large, detail } = this.#elements;
    const state = this.#state();
    const message = (this.#status?.message ?? '').slice(0, noticeLimits.maxMessageLength);
    const words = wordsFor(this.#strings.states, state) || message;
    for (const element of [notice, large]) {
      write(element, words);
      if (element.dataset.state !== state) element.dataset.state = state;
    }
    show(notice, !untold.includes(state) && words !== '');
    write(detail, this.#detail(state, message));
    show(detail, detail.textContent !== '');
    this.onState(state);
  }

  /** @param {string} state @param {string} message of the relay */
  #detail(state, message) {
    const { hints, reasons, scanAgain, kitLacks } = this.#strings;
    if (!this.#host.forStaff) return state === 'refused' ? scanAgain : '';
    const hint = (state === 'lost' && this.#reason && wordsFor(reasons, this.#reason)) || wordsFor(hints, state);
    const fromKit = state === explainedByKit && message !== saysNoMore ? message : '';
    // What a relay said before the line was lost may not be so any more.
    const lacks = this.#link === 'open' ? (this.#status?.kit ?? []).map((each) => wordsFor(kitLacks, each)) : [];
    return [hint, fromKit, ...lacks].filter(Boolean).join('\n');
  }
}

/** @param {Readonly<Record<string, string>>} table @param {string} key possibly a stranger's */
const wordsFor = (table, key) => (Object.hasOwn(table, key) ? (table[key] ?? '') : '');

/** A relay repeats its state for ever: only what is new touches the document. @param {HTMLElement} element @param {string} words */
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** @param {HTMLElement} element @param {boolean} visible */
function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}
