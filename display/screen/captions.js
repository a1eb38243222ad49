// @ts-check
/** The captions a page holds, in the order they were spoken. No document, no network: what is shown follows from it. */

/** @import { Durable, ShownCaption, Tail } from '../messages.js' */

/**
 * @typedef {ShownCaption & { hidden: boolean, breakBefore: boolean }} HeldCaption `hidden`: by an organizer, who may
 *   show it again; `breakBefore`: captions were paused before it
 *
 * @typedef {object} Changes since they were last asked for
 * @property {boolean} cleared nothing of what was there before is there any more
 * @property {boolean} redo what was there before is not as it was
 * @property {HeldCaption[]} added at the end, oldest first
 */

/** Captions kept; at 40 words each about an hour of speech. */
export const maxCaptions = 200;

/** @param {ShownCaption} a @param {ShownCaption} b */
const isAfter = (a, b) => a.start > b.start || (a.start === b.start && a.seq > b.seq);

export class Captions {
  /** @type {HeldCaption[]} oldest first */
  #held = [];
  /** @type {Tail | null} */
  #tail = null;
  /** Room time up to which the screen was cleared: nothing spoken before it comes back. */
  #clearedTo = Number.NEGATIVE_INFINITY;
  /** How many of the oldest have been given out as changes. */
  #taken = 0;
  #cleared = false;
  #redo = false;
  #paused = false;
  #max;

  constructor(max = maxCaptions) {
    this.#max = max;
  }

  /** @returns {readonly HeldCaption[]} what may be seen, oldest first */
  get list() {
    return this.#held.filter(({ hidden }) => !hidden);
  }

  /** What may still change; null where there is none. */
  get tail() {
    return this.#tail;
  }

  /** Whether captions were paused after the newest one. */
  get paused() {
    return this.#paused;
  }

  /** @returns {Changes} */
  take() {
    const changes = {
      cleared: this.#cleared,
      redo: this.#redo,
      added: this.#held.slice(this.#taken).filter(({ hidden }) => !hidden),
    };
    this.#taken = this.#held.length;
    this.#cleared = this.#redo = false;
    return changes;
  }

  /** Takes the next message of the room's log. @param {Durable} message */
  apply(message) {
    if (message.type === 'clear') this.#clear(message.at);
    else if (message.type === 'caption') this.#insert(message);
    else if (message.type === 'amend') this.#amend(message.of, message.text);
    else this.#paused = true;
  }

  /** Replaces the whole tail; null or empty text withdraws it. @param {Tail | null} partial */
  setTail(partial) {
    this.#tail = partial?.text.trim() ? partial : null;
  }

  /** Forgets everything: another log begins. */
  reset() {
    this.#empty();
    this.#clearedTo = Number.NEGATIVE_INFINITY;
  }

  #empty() {
    this.#held = [];
    this.#taken = 0;
    this.#tail = null;
    this.#cleared = true;
    this.#redo = this.#paused = false;
  }

  /** @param {number} [at] room time; a relay of before it was kept does not say */
  #clear(at) {
    this.#clearedTo = Math.max(this.#clearedTo, at ?? Number.NEGATIVE_INFINITY, ...this.#held.map(({ end }) => end));
    this.#empty();
  }

  /** @param {number} seq @param {string | null} text null: hidden */
  #amend(seq, text) {
    const at = this.#held.findIndex((each) => each.seq === seq);
    const caption = this.#held[at];
    if (!caption) return;
    this.#held[at] = { ...caption, text: text ?? caption.text, hidden: text === null };
    if (at < this.#taken) this.#redo = true;
  }

  /** @param {ShownCaption} caption */
  #insert(caption) {
    // A final ends the tail it was made of; one of an earlier stretch (late, or of a session before) leaves it alone.
    if (this.#tail && !caption.late && caption.end > this.#tail.start) this.#tail = null;
    if (caption.end <= this.#clearedTo || (caption.late && caption.start < this.#clearedTo)) return;
    // What comes late takes its place. What is live goes to the end of what is shown already, which then need not move.
    const first = caption.late ? 0 : this.#taken;
    let at = this.#held.length;
    for (; at > first; at--) {
      const before = this.#held[at - 1];
      if (before && isAfter(caption, before)) break;
    }
    this.#held.splice(at, 0, { ...caption, hidden: false, breakBefore: this.#paused && !caption.late });
    if (!caption.late) this.#paused = false;
    if (at < this.#taken) {
      this.#redo = true;
      this.#taken++;
    }
    if (this.#held.length <= this.#max) return;
    this.#held.shift();
    this.#taken = Math.max(0, this.#taken - 1);
  }
}
