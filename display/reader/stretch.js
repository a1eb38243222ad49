// @ts-check
/**
 * A stretch of a room's captions without a gap, in the order spoken: every caption from `from` to `to` is in it, none
 * twice, none from elsewhere. Hidden ones stay in it unseen, so that they can be shown again.
 */

/** @import { ShownCaption } from '../messages.js' */

/**
 * A place in the order spoken.
 * @typedef {{ start: number, seq: number }} Spot
 * @typedef {ShownCaption & { hidden: boolean }} HeldCaption
 */

/** Before the first caption. @type {Spot} */
export const beginning = Object.freeze({ start: Number.NEGATIVE_INFINITY, seq: 0 });
/** After whatever will be said. @type {Spot} */
export const end = Object.freeze({ start: Number.POSITIVE_INFINITY, seq: 0 });

/** @param {Spot} a @param {Spot} b */
export const isBefore = (a, b) => a.start < b.start || (a.start === b.start && a.seq < b.seq);

export class Stretch {
  /** @type {HeldCaption[]} sorted by (start, seq) */
  #list = [];
  /** @type {Set<number>} */
  #seqs = new Set();
  from = beginning;
  to = end;

  /** @returns {readonly HeldCaption[]} */
  get list() {
    return this.#list;
  }

  /** @param {Spot} spot */
  covers(spot) {
    return !isBefore(spot, this.from) && !isBefore(this.to, spot);
  }

  /** @param {number} seq */
  has(seq) {
    return this.#seqs.has(seq);
  }

  /** Takes a caption that belongs here and is not here yet. @param {HeldCaption} caption @returns {boolean} whether it was */
  add(caption) {
    if (!this.covers(caption) || this.#seqs.has(caption.seq)) return false;
    let at = this.#list.length;
    for (; at > 0; at--) {
      const before = this.#list[at - 1];
      if (before && isBefore(before, caption)) break;
    }
    this.#list.splice(at, 0, caption);
    this.#seqs.add(caption.seq);
    return true;
  }

  /** Corrects a caption; null hides it. @param {number} of @param {string | null} text @returns {boolean} whether it is here */
  amend(of, text) {
    if (!this.#seqs.has(of)) return false;
    this.#list = this.#list.map((each) =>
      each.seq === of ? { ...each, text: text ?? each.text, hidden: text === null } : each,
    );
    return true;
  }

  /** Leaves out what was spoken before. @param {Spot} from */
  cutBefore(from) {
    if (isBefore(from, this.from)) return;
    this.from = from;
    this.#keep((each) => !isBefore(each, from));
  }

  /** Leaves out the oldest, so that at most `max` remain. @param {number} max */
  dropOldest(max) {
    const first = this.#list[this.#list.length - max];
    if (this.#list.length > max && first) this.cutBefore({ start: first.start, seq: first.seq });
  }

  /** Leaves out the newest, so that at most `max` remain. @param {number} max */
  dropNewest(max) {
    const last = this.#list[max - 1];
    if (this.#list.length <= max || !last) return;
    this.to = { start: last.start, seq: last.seq };
    this.#keep((each) => !isBefore(this.to, each));
  }

  /** Becomes the same as another. @param {Stretch} other */
  copy(other) {
    this.from = other.from;
    this.to = other.to;
    this.#list = [...other.list];
    this.#seqs = new Set(this.#list.map(({ seq }) => seq));
  }

  /** Empty, and open at both ends. */
  clear() {
    this.from = beginning;
    this.to = end;
    this.#list = [];
    this.#seqs.clear();
  }

  /** @param {(each: HeldCaption) => boolean} isKept */
  #keep(isKept) {
    this.#list = this.#list.filter(isKept);
    this.#seqs = new Set(this.#list.map(({ seq }) => seq));
  }
}
