// @ts-check
/**
 * Puts words into rows. A row is broken where it will stay broken: where the next word does not fit, at a pause, where
 * another person speaks, where language or direction change. Rows only ever grow at their end, so that nothing that has
 * been painted needs to move. No document here: widths come from `measure`.
 */
import { gapBetween, graphemes } from './words.js';

/** @import { Word } from './words.js' */

/** Silence after which words begin a new row. */
export const pauseMs = 1500;
/** Letters in a row at most, however narrow they are. */
const maxRowLength = 1000;
/** Before the first word of another person. */
export const turnMark = '– ';

/**
 * @typedef {object} Passage words of one caption, or of what may become one
 * @property {readonly Word[]} words
 * @property {number} offset which word of its caption the first of them is
 * @property {boolean} continues whether the caption's words before them are what was added last
 * @property {string} language
 * @property {'ltr' | 'rtl'} direction
 * @property {string | null} speaker
 * @property {number} start room time, ms
 * @property {number} end
 * @property {boolean} breakBefore whether captions were paused before it
 *
 * @typedef {object} Piece what one passage has in one row
 * @property {boolean} newRow whether it begins a row
 * @property {boolean} turn whether another person begins to speak with it
 * @property {string} text with the spaces that stand before and after it in its row
 * @property {number} words how many it holds
 * @property {number} from which word of its caption it begins with
 *
 * @typedef {object} State
 * @property {boolean} open whether the last row may be continued
 * @property {boolean} empty whether it holds no word yet
 * @property {number} used its width so far
 * @property {number} length its letters so far
 * @property {string} last what its last word ended with
 * @property {Passage | null} passage the last one
 */

/** @type {Readonly<State>} */
const nothing = Object.freeze({ open: false, empty: true, used: 0, length: 0, last: '', passage: null });

export class Typesetter {
  #measure;
  #width;
  /** @type {Readonly<State>} */
  #state = nothing;

  /**
   * @param {(text: string) => number} measure width of a text in a row
   * @param {number} width of a row, in the same unit
   */
  constructor(measure, width) {
    this.#measure = measure;
    this.#width = width;
  }

  /** What the next words depend on. Given back, it takes back whatever was added since. */
  get state() {
    return this.#state;
  }

  set state(state) {
    this.#state = state;
  }

  /** Sets the first words on the screen as those that came after this passage. @param {Passage} passage */
  after(passage) {
    this.#state = { ...nothing, passage };
  }

  #breakRow() {
    this.#state = { ...this.#state, open: false };
  }

  /** Puts the words of a passage after all that came before. @param {Passage} passage @returns {Piece[]} */
  add(passage) {
    const before = this.#state.passage;
    if (before && !passage.continues && isBreak(before, passage)) this.#breakRow();
    let turn = before !== null && !passage.continues && isTurn(before, passage);
    /** @type {Piece[]} */
    const pieces = [];
    /** @type {Piece | null} */
    let piece = null;
    for (const [n, word] of passage.words.entries()) {
      let isFirst = n === 0 && !passage.continues;
      for (const { text, gap } of this.#cut(word)) {
        const joint = isFirst ? gapBetween(this.#state.last, text) : gap;
        if (piece && !this.#fits(piece.text + joint + text)) {
          piece.text += joint;
          this.#end(piece, false);
          piece = null;
        } else if (!piece && this.#state.open && !this.#fits(joint + text)) {
          // A row that was painted to its end: the space after its last word still belongs to the text.
          if (joint && !isFirst) pieces.push(pieceOf({ text: joint, from: passage.offset + n }));
          this.#breakRow();
        }
        if (piece) piece.text += joint + text;
        else {
          const newRow = !this.#state.open;
          piece = pieceOf({ newRow, turn, text: newRow ? text : joint + text, from: passage.offset + n });
          pieces.push(piece);
          if (newRow) this.#begin(turn);
          turn = false;
        }
        piece.words++;
        isFirst = false;
      }
    }
    if (piece) this.#end(piece, true);
    if (pieces.length > 0 || passage.continues) this.#state = { ...this.#state, passage };
    return pieces;
  }

  /** @param {boolean} turn */
  #begin(turn) {
    const used = turn ? this.#measure(turnMark) : 0;
    this.#state = { ...this.#state, open: true, empty: true, used, length: 0, last: '' };
  }

  /** @param {Piece} piece @param {boolean} open whether the row may go on */
  #end({ text }, open) {
    const { used, length } = this.#state;
    this.#state = {
      ...this.#state,
      open,
      empty: false,
      used: used + this.#measure(text),
      length: length + text.length,
      last: text.slice(-1),
    };
  }

  /** @param {string} text */
  #fits(text) {
    const { used, length } = this.#state;
    return length + text.length <= maxRowLength && used + this.#measure(text) <= this.#width;
  }

  /** A word wider than a row is cut between letters, so that each part fits into one. @param {Word} word */
  *#cut(word) {
    const width = this.#width - this.#measure(turnMark);
    const isWide = (/** @type {string} */ text) => text.length > maxRowLength || this.#measure(text) > width;
    if (!isWide(word.text)) {
      yield word;
      return;
    }
    const letters = graphemes(word.text);
    /** @type {Word['gap']} */
    let gap = word.gap;
    for (let from = 0; from < letters.length; gap = '') {
      const fits = (/** @type {number} */ count) => !isWide(letters.slice(from, from + count).join(''));
      let [some, tooMany] = [1, 2];
      while (from + some < letters.length && fits(tooMany)) [some, tooMany] = [tooMany, tooMany * 2];
      while (tooMany - some > 1) {
        const half = (some + tooMany) >> 1;
        if (fits(half)) some = half;
        else tooMany = half;
      }
      yield { text: letters.slice(from, from + some).join(''), gap };
      from += some;
    }
  }
}

/** @param {Pick<Piece, 'text' | 'from'> & Partial<Piece>} given @returns {Piece} */
const pieceOf = (given) => ({ newRow: false, turn: false, words: 0, ...given });

/** Whether someone else speaks; an engine that names nobody for a while does not end anyone's turn.
 * @param {Passage} before @param {Passage} next */
const isTurn = (before, next) => next.speaker !== null && before.speaker !== null && next.speaker !== before.speaker;

/** @param {Passage} before @param {Passage} next */
const isBreak = (before, next) =>
  next.breakBefore ||
  next.start - before.end >= pauseMs ||
  next.speaker !== before.speaker ||
  next.language !== before.language ||
  next.direction !== before.direction;
