// @ts-check
/** The captions of a room's screen and of a video mix: rows that never change, at a pace that can be read. */

import { directionOf } from '../direction.js';
import { BurnIn } from './burn-in.js';
import { Captions } from './captions.js';
import { Forming } from './forming.js';
import { Pace, paceLimits } from './pace.js';
import { PaintedRows } from './painted-rows.js';
import { Rolling } from './rolling.js';
import { fontSample, rowLayout } from './row-layout.js';
import { Typesetter } from './typeset.js';
import { cleaned, wordsOf } from './words.js';

/** @import { HeldCaption } from './captions.js' */
/** @import { Durable, Tail } from '../messages.js' */
/** @import { Painted } from './painted-rows.js' */
/** @import { RowLayout } from './row-layout.js' */
/** @import { Passage } from './typeset.js' */
/** @import { View, ViewParts } from '../view.js' */

/** Words wait for the page's own font so long; a screen without it shows them in another. */
const fontTimeoutMs = 1500;
/** Another log's words come so soon after it begins, if there are any; only then is the screen empty for good. */
const emptyAfterMs = 500;

/** @typedef {{ at: number, word: number }} Anchor where rows are set anew from: index of a caption, and of its word */

const timers = {
  /** @param {() => void} run @param {number} ms @returns {number} */
  setTimeout: (run, ms) => window.setTimeout(run, ms),
  /** @param {number} timer */
  clearTimeout: (timer) => window.clearTimeout(timer),
};

/** @implements {View} */
export class Screen {
  #captions = new Captions();
  #container;
  #ground = document.createElement('div');
  #rows;
  #rolling;
  #burnIn;
  #onStage;
  /** @type {RowLayout | null} null until the font is there */
  #layout = null;
  #typesetter = new Typesetter(() => 0, 0);
  #pace = new Pace(1, 0);
  #forming = new Forming();
  /** @type {Painted[]} set, and waiting to be painted */
  #waiting = [];
  #drawing = false;
  /** When the next frame was asked for. */
  #askedAt = 0;
  /** @type {number | null} */
  #timer = null;
  /** @type {number | null} */
  #emptyTimer = null;
  /** Whether everything so far is older than the page: it is shown as it stands, not word by word. */
  #isOld = true;
  #asItStands = false;
  /** Whether the tail is longer than the screen, so that its beginning has left. */
  #overfull = false;
  /** @param {ViewParts} parts */
  constructor({ container, parameters, onStage }) {
    const { lines, size, overlay, chroma, position, outline } = parameters;
    const { documentElement: root, fonts, body } = document;
    root.toggleAttribute('data-lines', lines !== null);
    if (lines !== null) root.style.setProperty('--lines', String(lines));
    root.style.setProperty('--size', String(size));
    if (overlay) {
      root.dataset.position = position;
      if (chroma !== null) root.style.setProperty('--chroma', chroma);
      if (outline !== null) root.style.setProperty('--outline-width', `${outline}em`);
    }
    this.#container = container;
    this.#ground.id = 'rows';
    container.append(this.#ground);
    this.#rows = new PaintedRows(this.#ground);
    const still = matchMedia('(prefers-reduced-motion: reduce)');
    this.#rolling = new Rolling(this.#ground, () => still.matches);
    this.#onStage = onStage;
    // A video mix stays exactly where it is.
    this.#burnIn = overlay ? null : new BurnIn((x, y) => body.style.setProperty('translate', `${x}px ${y}px`), timers);
    this.#burnIn?.rest();
    void this.#loadFont().then(() => {
      this.#measure();
      // Also where the captions make room for something else.
      new ResizeObserver(() => this.#measure()).observe(container);
      addEventListener('resize', () => this.#measure());
      fonts.addEventListener('loadingdone', () => this.#measure());
    });
  }

  /** @param {Durable} message @param {boolean} isOld */
  message(message, isOld) {
    if (!isOld) this.#isOld = false;
    if (this.#isOld) this.#asItStands = true;
    this.#captions.apply(message);
    this.#changed();
  }

  /** @param {Tail | null} tail */
  setTail(tail) {
    if (tail?.text) this.#isOld = false;
    this.#captions.setTail(tail);
    this.#changed();
  }

  reset() {
    this.#captions.reset();
    this.#isOld = true;
    this.#emptyTimer ??= timers.setTimeout(() => this.#tellEmpty(), emptyAfterMs);
    this.#changed();
  }

  #tellEmpty() {
    this.#emptyTimer = null;
    if (!this.#captions.tail && this.#captions.list.length === 0) this.#onStage('before');
  }

  async #loadFont() {
    const { fontWeight, fontFamily } = getComputedStyle(this.#ground);
    const timeout = new Promise((resolve) => setTimeout(resolve, fontTimeoutMs));
    const loading = document.fonts.load(`${fontWeight} 16px ${fontFamily}`, fontSample).catch(() => {});
    await Promise.race([loading, timeout]);
  }

  /** Everything is set anew: the screen has another size, or the font came late. */
  #measure() {
    const before = this.#layout;
    const layout = rowLayout(this.#container, this.#ground);
    if (before && isSame(before, layout)) return;
    this.#layout = layout;
    this.#rows.setVisible(layout.rows);
    this.#captions.take();
    this.#redo(null);
    this.#changed();
  }

  /** Everything that happens before the next frame is drawn at once: a whole day may come in one go after a reset. */
  #changed() {
    if (this.#drawing) return;
    this.#drawing = true;
    this.#askedAt = performance.now();
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawing = false;
    if (!this.#layout) return;
    const now = performance.now();
    const { cleared, redo, added } = this.#captions.take();
    // A tab that nobody sees has no frames: what came meanwhile has no time left to wait.
    const isLate = now - this.#askedAt > paceLimits.maxDelayMs;
    if (cleared) this.#clear();
    if (this.#asItStands) this.#redo(null);
    else if (redo || isLate) this.#redo(this.#anchor());
    else if (!added.every((caption) => this.#append(caption))) this.#redo(this.#anchor());
    this.#asItStands = false;
    const { tail, list } = this.#captions;
    const rest = tail && this.#settle(tail);
    this.#paint(now);
    this.#drawTail(rest, now);
    this.#drawLater(now);
    if (tail || list.length > 0) this.#onStage('talk');
  }

  /** Puts a caption after all that came before; false: that cannot be without moving them. @param {HeldCaption} caption */
  #append(caption) {
    const whole = passageOf(caption);
    const finish = this.#forming.finish(caption, whole);
    if (finish.is === 'broken') this.#count('broken', 1);
    if (finish.is === 'broken' || finish.is === 'earlier' || this.#overfull) return false;
    if (finish.is === 'finished') this.#rows.name(caption.seq);
    this.#set(finish.is === 'finished' ? finish.rest : whole, caption.seq);
    return true;
  }

  /** Sets the words of a tail that stay from now on. @param {Tail} tail @returns {Passage} the words that may still change */
  #settle(tail) {
    const after = () => ({
      speaker: this.#typesetter.state.passage?.speaker ?? null,
      breakBefore: this.#captions.paused,
    });
    let grown = this.#forming.grow(tail, after());
    if (grown.broken) {
      this.#count('broken', 1);
      this.#redo(this.#anchor());
      grown = this.#forming.grow(tail, after());
    }
    if (grown.settled) this.#set(grown.settled, null);
    return grown.rest;
  }

  /** Puts words into rows, to be painted when it is time. @param {Passage} passage @param {number | null} seq */
  #set(passage, seq) {
    const now = performance.now();
    this.#pace.withdrawSpare();
    for (const piece of this.#typesetter.add(passage)) {
      this.#waiting.push({ seq, passage, piece });
      this.#pace.add(piece, now);
    }
  }

  /** Paints what is due. @param {number} now */
  #paint(now) {
    const { count, jump } = this.#pace.take(now);
    const due = this.#waiting.splice(0, count);
    const { grown, dropped } = this.#rows.paint(due);
    const spare = count - due.length;
    this.#rows.addSpare(spare);
    this.#count('jumped', dropped);
    if (jump) this.#rolling.stop();
    else if (grown + spare > 0) this.#rolling.push((grown + spare) * (this.#layout?.lineHeight ?? 0));
    if (count > 0) this.#burnIn?.rest();
  }

  /** Shows the words that may still change, in rows that do not go away with them. @param {Passage | null} rest @param {number} now */
  #drawTail(rest, now) {
    if (!rest) this.#pace.withdrawSpare();
    if (!rest || this.#waiting.length > 0) {
      this.#rows.setTail([]);
      return;
    }
    const { state } = this.#typesetter;
    let painted = this.#typesetter.add(rest).map((piece) => ({ seq: null, passage: rest, piece }));
    this.#typesetter.state = state;
    const rows = this.#layout?.rows ?? 1;
    const beginnings = painted.flatMap(({ piece }, n) => (piece.newRow ? [n] : []));
    this.#overfull = beginnings.length > rows;
    // Of more than a screenful only the newest can be seen.
    if (this.#overfull) painted = painted.slice(beginnings.at(-rows));
    const missing = Math.min(rows, beginnings.length) - this.#pace.spare;
    for (let n = 0; n < missing; n++) this.#pace.add({ words: 0, newRow: true, spare: true }, now);
    this.#paint(now);
    this.#rows.setTail(painted);
    this.#burnIn?.rest();
  }

  /**
   * For people who look into a page: `jumped` rows came too fast to be shown one after the other; `broken` tails had words
   * that were said to stay and did not.
   * @param {'jumped' | 'broken'} what @param {number} more
   */
  #count(what, more) {
    if (more > 0) this.#container.dataset[what] = String(Number(this.#container.dataset[what] ?? 0) + more);
  }

  /** Comes back when the next words are due. @param {number} now */
  #drawLater(now) {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const ms = this.#pace.wait(now);
    this.#timer = ms === null ? null : window.setTimeout(() => this.#changed(), ms);
  }

  /** The first words on the screen that stay what they are; null: there are none. @returns {Anchor | null} */
  #anchor() {
    const { list } = this.#captions;
    const { beginnings } = this.#rows;
    // A screen that is not full yet has room for what belongs before all of it.
    if (beginnings.length < (this.#layout?.rows ?? 0)) return null;
    for (const { seq, piece } of beginnings) {
      const at = list.findIndex((each) => each.seq === seq);
      const caption = list[at];
      if (caption && piece.text.startsWith(passageOf(caption).words[piece.from]?.text ?? '\0'))
        return { at, word: piece.from };
    }
    return null;
  }

  /** Sets and shows everything at once, from the anchor on; null: from the oldest caption on. @param {Anchor | null} anchor */
  #redo(anchor) {
    if (!this.#layout) return;
    const { at, word } = anchor ?? { at: 0, word: 0 };
    const { list } = this.#captions;
    this.#begin();
    const before = list[at - 1];
    if (before) this.#typesetter.after(passageOf(before));
    const painted = list.slice(at).flatMap((caption, n) => {
      const whole = passageOf(caption);
      const passage =
        n === 0 && word > 0 ? { ...whole, words: whole.words.slice(word), offset: word, continues: true } : whole;
      return this.#typesetter.add(passage).map((piece) => ({ seq: caption.seq, passage, piece }));
    });
    this.#rolling.stop();
    this.#rows.replace(painted);
    this.#pace.put(painted.map(({ piece }) => piece));
  }

  /** The screen is empty, at once. */
  #clear() {
    this.#begin();
    this.#rolling.stop();
    this.#rows.clear();
  }

  #begin() {
    if (!this.#layout) return;
    const { measure, width, rows } = this.#layout;
    this.#typesetter = new Typesetter(measure, width);
    this.#pace = new Pace(rows, performance.now());
    this.#waiting = [];
    this.#forming.forget();
    this.#overfull = false;
  }
}

/** @param {RowLayout} a @param {RowLayout} b */
const isSame = (a, b) =>
  a.width === b.width && a.lineHeight === b.lineHeight && a.rows === b.rows && a.sampleWidth === b.sampleWidth;

/** All words of a caption. @param {HeldCaption} caption @returns {Passage} */
function passageOf({ text, language, speaker, start, end, breakBefore }) {
  const clean = cleaned(text);
  const direction = directionOf(clean, language);
  const words = wordsOf(clean, language);
  return { words, offset: 0, continues: false, language, direction, speaker, start, end, breakBefore };
}
