// @ts-check
/** Tells screen readers new captions, where the reader wants it: finals only, each whole and once, never the history. */
import { make } from './make.js';

/** @import { ShownCaption } from './messages.js' */

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
  say({ text, language }) {
    if (!this.#isOn || text.trim() === '') return;
    this.element.append(make('p', { lang: language, dir: 'auto' }, text));
    while (this.element.children.length > maxHeld) this.element.firstElementChild?.remove();
  }

  /** What was announced last is void: it was hidden, or the screen cleared. */
  clear() {
    this.element.replaceChildren();
  }
}
