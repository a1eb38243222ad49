// @ts-check
/**
 * Rows in the document: one paragraph each, of which only the last ever grows, at its end. What leaves at the upper edge is
 * taken out of the document. Words enter as text only.
 */
import { languageTag } from '../direction.js';
import { turnMark } from './typeset.js';

/** @import { Passage, Piece } from './typeset.js' */

/** @typedef {{ seq: number | null, passage: Passage, piece: Piece }} Painted words to be put at the end; `seq`: of their caption, once it has one */
/** @typedef {{ element: HTMLElement, parts: Painted[] }} Row */

/** Rows above the screen that stay in the document, for when a caption below them is hidden. */
const keptAbove = 4;

export class PaintedRows {
  #ground;
  /** How many fit on the screen. */
  #visible = 1;
  /** @type {Row[]} in the document, oldest first */
  #rows = [];
  /** How many of the newest have no words yet. */
  #spare = 0;
  /** @type {HTMLElement[]} words that may still change */
  #tail = [];
  /** @type {{ painted: Painted, elements: HTMLElement[] }[]} words of a tail that stay, of a caption that has no `seq` yet */
  #unnamed = [];

  /** @param {HTMLElement} ground */
  constructor(ground) {
    this.#ground = ground;
  }

  /** @param {number} rows that fit on the screen */
  setVisible(rows) {
    this.#visible = rows;
  }

  /** The first words of each row, oldest first. */
  get beginnings() {
    return this.#rows.flatMap(({ parts }) => parts.slice(0, 1));
  }

  /**
   * Puts words at the end. What of them could not be seen at all is left out.
   * @param {readonly Painted[]} painted
   * @returns {{ grown: number, dropped: number }} by how many rows the document grew; how many were left out
   */
  paint(painted) {
    let grown = 0;
    const first = this.#firstToKeep(painted);
    for (const each of painted.slice(first)) {
      if (each.piece.newRow || this.#rows.length === this.#spare) {
        if (this.#spare > 0) this.#spare--;
        else grown += this.#grow();
      }
      const row = this.#rows[this.#rows.length - 1 - this.#spare];
      if (row) this.#write(row, each);
    }
    this.#trim();
    return { grown, dropped: painted.slice(0, first).filter(({ piece }) => piece.newRow).length };
  }

  /** Adds rows without words. @param {number} rows */
  addSpare(rows) {
    for (let n = 0; n < rows; n++) this.#grow();
    this.#spare += rows;
    this.#trim();
  }

  /** Replaces the words that may still change; those that no row is there for are left out. @param {readonly Painted[]} painted */
  setTail(painted) {
    for (const element of this.#tail) element.remove();
    this.#tail = [];
    let at = this.#rows.length - 1 - this.#spare;
    for (const each of painted) {
      if (each.piece.newRow || at < 0) at++;
      const row = this.#rows[at];
      if (!row) return;
      if (each.piece.newRow) row.element.dir = each.passage.direction;
      const elements = elementsOf(each, 'tail');
      row.element.append(...elements);
      this.#tail.push(...elements);
    }
  }

  /** The words of a tail that stay belong to this caption. @param {number} seq */
  name(seq) {
    for (const { painted, elements } of this.#unnamed) {
      painted.seq = seq;
      for (const element of elements) element.dataset.seq = String(seq);
    }
    this.#unnamed = [];
  }

  /** Makes the document hold exactly these; rows that are so already are left alone. @param {readonly Painted[]} painted */
  replace(painted) {
    this.setTail([]);
    /** @type {Painted[][]} */
    const wanted = [];
    for (const each of painted) {
      if (each.piece.newRow || wanted.length === 0) wanted.push([]);
      wanted.at(-1)?.push(each);
    }
    const kept = wanted.slice(-(this.#visible + keptAbove));
    let same = 0;
    while (kept[same] && keyOf(kept[same]) === keyOf(this.#rows[same]?.parts)) same++;
    for (const row of this.#rows.splice(same)) row.element.remove();
    this.#spare = 0;
    this.#unnamed = [];
    for (const row of kept.slice(same)) {
      this.#grow();
      const last = this.#rows.at(-1);
      if (last) for (const each of row) this.#write(last, each);
    }
  }

  /** Takes everything out of the document. */
  clear() {
    this.#ground.replaceChildren();
    this.#rows = [];
    this.#tail = [];
    this.#unnamed = [];
    this.#spare = 0;
  }

  /** Of a whole day only what can be seen is built. @param {readonly Painted[]} painted */
  #firstToKeep(painted) {
    let rows = 0;
    for (let n = painted.length - 1; n > 0; n--)
      if (painted[n]?.piece.newRow && ++rows === this.#visible + keptAbove) return n;
    return 0;
  }

  #grow() {
    const element = document.createElement('p');
    element.className = 'row';
    this.#ground.append(element);
    this.#rows.push({ element, parts: [] });
    return 1;
  }

  /** @param {Row} row @param {Painted} painted */
  #write(row, painted) {
    if (row.parts.length === 0) row.element.dir = painted.passage.direction;
    const elements = elementsOf(painted, 'final');
    const before = this.#tail.find((each) => each.parentElement === row.element) ?? null;
    for (const element of elements) row.element.insertBefore(element, before);
    row.parts.push(painted);
    if (painted.seq === null) this.#unnamed.push({ painted, elements: elements.slice(-1) });
  }

  #trim() {
    for (const row of this.#rows.splice(0, Math.max(0, this.#rows.length - this.#visible - keptAbove)))
      row.element.remove();
  }
}

/** What a row shows, to be compared. @param {readonly Painted[]} [parts] */
const keyOf = (parts = []) =>
  JSON.stringify(
    parts.map(({ seq, passage: { language, direction }, piece: { text, turn } }) => [
      seq,
      language,
      direction,
      text,
      turn,
    ]),
  );

/** @param {Painted} painted @param {'final' | 'tail'} name */
function elementsOf({ seq, passage, piece }, name) {
  const element = document.createElement('span');
  element.className = name;
  element.dir = passage.direction;
  const language = languageTag(passage.language);
  if (language) element.lang = language;
  if (seq !== null) element.dataset.seq = String(seq);
  element.textContent = piece.text;
  if (!piece.turn) return [element];
  const mark = document.createElement('span');
  mark.className = 'turn';
  mark.textContent = turnMark;
  return [mark, element];
}
