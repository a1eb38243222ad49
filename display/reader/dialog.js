// @ts-check
/** The dialog in which a reader chooses how to read. Every choice shows at once behind it. */
import { make } from '../make.js';
import { contrasts, fonts, spacings, textSizes, themes } from './settings.js';

/** @import { Settings, ReaderSettings } from './settings.js' */
/** @import { ReaderStrings } from '../strings.js' */
/** @import { Wakefulness } from '../wake-lock.js' */

const fontNames = { legible: 'Atkinson Hyperlegible', dyslexic: 'OpenDyslexic' };
const rootPx = 16;

export class SettingsDialog {
  element;
  #strings;
  #settings;
  #size = make('output', { id: 'size-now' });
  #smaller;
  #larger;
  #awakeNote = make('p', { id: 'awake-note', class: 'note', role: 'status' });
  #fileNote = make('p', { class: 'note', role: 'status' });
  #file;
  #past;
  /** @type {HTMLInputElement[]} */
  #inputs = [];

  /**
   * @param {ReaderStrings} strings
   * @param {Settings} settings
   * @param {(() => Promise<void>) | null} saveFile hands the transcript over as a file; null: there is none to be had
   * @param {import('./past-talks.js').PastTalks | null} past transcripts of past talks
   */
  constructor(strings, settings, saveFile, past) {
    this.#strings = strings;
    this.#past = past;
    this.#settings = settings;
    this.#smaller = make('button', { type: 'button', 'aria-label': strings.smaller }, '−');
    this.#larger = make('button', { type: 'button', 'aria-label': strings.larger }, '+');
    this.#smaller.addEventListener('click', () => this.#step(-1));
    this.#larger.addEventListener('click', () => this.#step(1));
    const done = make('button', { type: 'button', id: 'done' }, strings.done);
    this.#file = make('button', { type: 'button', id: 'save-file' }, strings.file);
    const title = make('h2', { id: 'settings-title' }, strings.settings);
    const size = make('div', { role: 'group', 'aria-label': strings.size, class: 'stepper' });
    size.append(this.#smaller, this.#size, this.#larger);
    const own = { ...fontNames, ...strings.fonts };
    this.element = make(
      'dialog',
      { id: 'settings', 'aria-labelledby': 'settings-title' },
      make('header', {}, title, done),
      make('div', { class: 'choice' }, make('p', { 'aria-hidden': 'true' }, strings.size), size),
      this.#choice('theme', strings.theme, themes, strings.themes),
      this.#choice('contrast', strings.contrast, contrasts, strings.contrasts),
      this.#choice('font', strings.font, fonts, own),
      this.#choice('spacing', strings.spacing, spacings, strings.spacings),
      this.#switch('awake', strings.awake, 'awake-note'),
      this.#awakeNote,
      this.#switch('announce', strings.announce),
    );
    if (saveFile) this.element.append(make('div', { class: 'choice' }, this.#file, this.#fileNote));
    if (past) this.element.append(past.element);
    this.#file.addEventListener('click', () => void this.#save(saveFile));
    done.addEventListener('click', () => this.element.close());
    // A press beside the dialog closes it.
    this.element.addEventListener('click', ({ target, clientX: x, clientY: y }) => {
      const { left, right, top, bottom } = this.element.getBoundingClientRect();
      const isBeside = x < left || x > right || y < top || y > bottom;
      if (target === this.element && isBeside) this.element.close();
    });
    this.#show();
  }

  open() {
    this.#show();
    void this.#past?.refresh();
    this.element.showModal();
  }

  /** Whether the screen stays on, told where it does not. @param {Wakefulness} state */
  setAwake(state) {
    const { awakeAbsent, awakeRefused } = this.#strings;
    this.#awakeNote.textContent = { on: '', off: '', absent: awakeAbsent, refused: awakeRefused }[state];
  }

  #show() {
    const { values } = this.#settings;
    const at = textSizes.indexOf(values.size);
    this.#size.textContent = this.#strings.sizeNow.replace('{n}', String(values.size * rootPx));
    // A button that is disabled loses its focus: it stays, and says that it is at its end.
    this.#smaller.setAttribute('aria-disabled', String(at <= 0));
    this.#larger.setAttribute('aria-disabled', String(at >= textSizes.length - 1));
    for (const input of this.#inputs) {
      const value = new Map(Object.entries(values)).get(input.name);
      input.checked = input.type === 'radio' ? value === input.value : value === true;
    }
  }

  /** @param {Partial<ReaderSettings>} change */
  #choose(change) {
    this.#settings.choose(change);
    this.#show();
  }

  /** @param {number} by */
  #step(by) {
    const size = textSizes[textSizes.indexOf(this.#settings.values.size) + by];
    if (size !== undefined) this.#choose({ size });
  }

  /**
   * @template {'theme' | 'contrast' | 'font' | 'spacing'} N
   * @param {N} name @param {string} legend
   * @param {readonly ReaderSettings[N][]} values @param {Record<ReaderSettings[N], string>} words
   */
  #choice(name, legend, values, words) {
    const options = make('div', { class: 'options' });
    for (const value of values) {
      const input = make('input', { type: 'radio', name, value });
      input.addEventListener('change', () => this.#choose({ [name]: value }));
      this.#inputs.push(input);
      const label = make('label', {}, input, make('span', {}, words[value]));
      label.dataset[name] = value;
      options.append(label);
    }
    return make('fieldset', { class: 'choice' }, make('legend', {}, legend), options);
  }

  /** @param {'awake' | 'announce'} name @param {string} words @param {string} [note] id of what describes it */
  #switch(name, words, note) {
    const input = make('input', { type: 'checkbox', role: 'switch', name, ...(note && { 'aria-describedby': note }) });
    input.addEventListener('change', () => this.#choose({ [name]: input.checked }));
    this.#inputs.push(input);
    return make('label', { class: 'switch' }, make('span', {}, words), input);
  }

  /** @param {(() => Promise<void>) | null} saveFile */
  async #save(saveFile) {
    if (!saveFile || this.#file.getAttribute('aria-disabled') === 'true') return;
    this.#file.setAttribute('aria-disabled', 'true');
    this.#fileNote.textContent = this.#strings.fileLoading;
    try {
      await saveFile();
      this.#fileNote.textContent = this.#strings.fileSaved;
    } catch {
      this.#fileNote.textContent = this.#strings.fileFailed;
    }
    this.#file.removeAttribute('aria-disabled');
  }
}
