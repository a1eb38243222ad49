// @ts-check
/** Tells screen readers new captions, where the reader wants it: finals only, each whole and once, never the history. */
import { languageTag } from '../direction.js';
import { make } from '../make.js';

/** @import { ShownCaption } from '../messages.js' */

/** Announced once, a caption can be read again in its place; here only the last few remain. */
const maxHeld = 4;

export class Announcer {
  element;
  #isOn = false;

  /** @param {string} name of the region */
  constructor(name) {
    this.element = make('div', {
      id: 'announced',
      role: 'log',
      'aria-label': name,
      'aria-live': 'off',
      class: 'unseen-region',
    });
  }

  /** @param {boolean} isOn */
  set(isOn) {
    this.#isOn = isOn;
    this.element.setAttribute('aria-live', isOn ? 'polite' : 'off');
    if (!isOn) this.element.replaceChildren();
  }

  /** @param {ShownCaption} caption */
  say({ seq, text, language }) {
    if (!this.#isOn || text.trim() === '') return;
    const tag = languageTag(language);
    this.element.append(make('p', { 'data-of': String(seq), dir: 'auto', ...(tag && { lang: tag }) }, text));
    while (this.element.children.length > maxHeld) this.element.firstElementChild?.remove();
  }

  /** This caption was corrected or hidden: its old words are read no more. @param {number} seq */
  forget(seq) {
    this.element.querySelector(`[data-of="${seq}"]`)?.remove();
  }

  /** What was announced is void: the screen was cleared. */
  clear() {
    this.element.replaceChildren();
  }
}
