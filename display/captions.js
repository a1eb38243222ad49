// @ts-check
/** The captions a page holds, in the order they were spoken. No document, no network: what is shown follows from it. */

/** @import { Durable, ShownCaption, Tail } from './messages.js' */

/** Rows kept; at 40 words a row about an hour of speech. */
export const maxCaptions = 200;

/** @param {ShownCaption} a @param {ShownCaption} b */
const isAfter = (a, b) => a.start > b.start || (a.start === b.start && a.seq > b.seq);

export class Captions {
  /** @type {ShownCaption[]} sorted by (start, seq) */
  #list = [];
  /** @type {Tail | null} */
  #tail = null;
  /** Room time up to which the screen was cleared: nothing spoken before it comes back. */
  #clearedTo = Number.NEGATIVE_INFINITY;
  #max;

  constructor(max = maxCaptions) {
    this.#max = max;
  }

  /** @returns {readonly ShownCaption[]} oldest first */
  get list() {
    return this.#list;
  }

  /** What may still change; null where there is none. */
  get tail() {
    return this.#tail;
  }

  /** Takes the next message of the room's log. @param {Durable} message */
  apply(message) {
    if (message.type === 'clear') this.#clear();
    else if (message.type === 'caption') this.#insert(message);
    else if (message.type !== 'amend') return;
    else if (message.text === null) this.#list = this.#list.filter(({ seq }) => seq !== message.of);
    else {
      const { of, text } = message;
      this.#list = this.#list.map((each) => (each.seq === of ? { ...each, text } : each));
    }
  }

  /** Replaces the whole tail; null or empty text withdraws it. @param {Tail | null} partial */
  setTail(partial) {
    this.#tail = partial?.text.trim() ? partial : null;
  }

  /** Forgets everything: another log begins. */
  reset() {
    this.#list = [];
    this.#tail = null;
    this.#clearedTo = Number.NEGATIVE_INFINITY;
  }

  #clear() {
    this.#clearedTo = Math.max(this.#clearedTo, ...this.#list.map(({ end }) => end));
    this.#list = [];
    this.#tail = null;
  }

  /** @param {ShownCaption} caption */
  #insert(caption) {
    // A final ends the tail it was made of; one of an earlier stretch (late, or of a session before) leaves it alone.
    if (this.#tail && !caption.late && caption.end > this.#tail.start) this.#tail = null;
    if (caption.late && caption.start < this.#clearedTo) return;
    let at = this.#list.length;
    for (; at > 0; at--) {
      const before = this.#list[at - 1];
      if (before && isAfter(caption, before)) break;
    }
    this.#list.splice(at, 0, caption);
    if (this.#list.length > this.#max) this.#list.shift();
  }
}
