// @ts-check
/** The reader's controls, within a thumb's reach: one button for where to read, one for how. */
import { icon, make } from '../make.js';

/** @import { ReaderStrings } from '../strings.js' */

/** @typedef {'following' | 'standing' | 'paused'} Reading */

const drawings = {
  pause: 'M8 5v14M16 5v14',
  resume: 'M7 4l13 8-13 8z',
  live: 'M12 4v15M5 12l7 7 7-7',
  settings: 'M3 19 8 5l5 14M5 14h6M15 19l3-8 3 8M16 16h4',
};
/** More than that is more than anybody counts. */
const maxTold = 99;

export class Toolbar {
  element;
  #strings;
  #go = make('button', { type: 'button', id: 'go' });
  #words = make('span');
  #unseen = make('span', { class: 'unseen' });
  #shown = '';

  /** @param {ReaderStrings} strings @param {{ onGo: () => void, onSettings: () => void }} listener */
  constructor(strings, { onGo, onSettings }) {
    this.#strings = strings;
    const settings = make('button', { type: 'button', id: 'open-settings', 'aria-haspopup': 'dialog' });
    settings.append(icon(drawings.settings), make('span', {}, strings.settings));
    this.element = make('div', { id: 'toolbar', role: 'group', 'aria-label': strings.controls }, this.#go, settings);
    this.#go.addEventListener('click', onGo);
    settings.addEventListener('click', onSettings);
    this.show('following', 0);
  }

  /** @param {Reading} reading @param {number} unseen captions said since the live end was left */
  show(reading, unseen) {
    if (reading !== this.#shown) {
      this.#shown = reading;
      this.#go.dataset.reading = reading;
      const act = /** @type {const} */ ({ following: 'pause', standing: 'live', paused: 'resume' })[reading];
      this.#words.textContent = this.#strings[act];
      this.#go.replaceChildren(icon(drawings[act]), this.#words, this.#unseen);
    }
    const count = unseen > maxTold ? `${maxTold}+` : String(unseen);
    const told = unseen > 0 && reading !== 'following' ? this.#strings.unseen.replace('{n}', count) : '';
    if (this.#unseen.textContent !== told) this.#unseen.textContent = told;
  }
}
