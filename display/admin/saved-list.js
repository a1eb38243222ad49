// @ts-check
/** A list that is saved as a whole, without overwriting what somebody else saved since it was loaded. */
import { make } from '../make.js';
import { ApiError, RelayAway, sentences, wordsOf } from './call.js';
import { button, whileBusy } from './press.js';

/**
 * What a list is edited with.
 * @typedef {{ element: HTMLElement, put: (answer: object) => void, value: () => object,
 *   fail: (mistakes: import('./call.js').Mistake[]) => import('./call.js').Mistake[], absolve: () => void,
 *   focusFault: () => void }} Editor
 */

export class SavedList {
  element;
  #call;
  #path;
  #editor;
  #onSaved;
  /** What the relay had when this was loaded or saved, as JSON; null: not loaded yet. @type {string | null} */
  #base = null;
  /** What is typed, where nothing is changed. */
  #shown = '';
  #said = make('p', { class: 'said', role: 'status' });
  #body;
  #clash = make('div', { class: 'buttons', hidden: '' });

  /**
   * @param {object} parts
   * @param {import('./call.js').Call} parts.call
   * @param {string} parts.path what is read and written
   * @param {Editor} parts.editor
   * @param {(answer: object) => object} parts.listOf the saved part of an answer
   * @param {(answer: object) => void} [parts.onAnswer] every answer of the relay
   * @param {string} parts.saved what is told then
   */
  constructor({ call, path, editor, listOf, onAnswer = () => {}, saved }) {
    this.#call = call;
    this.#path = path;
    this.#editor = editor;
    this.#onSaved = { listOf, onAnswer, words: saved };
    const save = make('button', { class: 'main' }, 'Save');
    // Nothing can be typed before it is known what that would change.
    this.#body = make('div', { hidden: '' }, editor.element, make('div', { class: 'buttons' }, save));
    const load = button('Load what is saved', () => this.#load(() => true));
    const anyway = button('Save mine in its place', () => this.#save());
    this.#clash.append(anyway, load);
    this.element = make('form', { novalidate: '' }, this.#body, this.#said, this.#clash);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      void whileBusy(save, () => this.#saveChecked());
    });
  }

  get isChanged() {
    return this.#base !== null && JSON.stringify(this.#editor.value()) !== this.#shown;
  }

  /** Reads it anew, unless something is typed that is not saved, also while it is read. */
  async refresh() {
    await this.#load(() => !this.isChanged);
  }

  /** @param {() => boolean} isWanted asked before and after */
  async #load(isWanted) {
    if (!isWanted()) return;
    try {
      const answer = await this.#ask();
      if (!isWanted()) return;
      this.#show(answer);
      this.#say('');
    } catch (error) {
      this.#say(wordsOf(error), true);
    }
  }

  /** @returns {Promise<object>} */
  async #ask() {
    return await this.#call('GET', this.#path);
  }

  /** @param {object} answer */
  #show(answer) {
    this.#base = JSON.stringify(this.#onSaved.listOf(answer));
    this.#editor.put(answer);
    this.#shown = JSON.stringify(this.#editor.value());
    this.#clash.hidden = true;
    this.#body.hidden = false;
    this.#onSaved.onAnswer(answer);
  }

  async #saveChecked() {
    try {
      const now = await this.#ask();
      if (this.#base !== null && JSON.stringify(this.#onSaved.listOf(now)) !== this.#base) {
        this.#say('Somebody saved another list meanwhile. What you typed stands here, not saved yet.', true);
        this.#clash.hidden = false;
        return;
      }
    } catch (error) {
      return this.#fail(error);
    }
    await this.#save();
  }

  async #save() {
    const sent = this.#editor.value();
    this.#editor.absolve();
    try {
      /** @type {object} */
      const answer = await this.#call('PUT', this.#path, sent);
      this.#clash.hidden = true;
      if (JSON.stringify(this.#editor.value()) === JSON.stringify(sent)) this.#show(answer);
      else {
        // Something was typed while this was under way.
        this.#base = JSON.stringify(this.#onSaved.listOf(answer));
        this.#shown = JSON.stringify(sent);
      }
      this.#say(this.#onSaved.words);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    if (error instanceof RelayAway)
      return this.#say(
        'The relay cannot be reached. Nothing was changed, what you typed still stands here: try again.',
        true,
      );
    if (!(error instanceof ApiError) || error.mistakes.length === 0) return this.#say(wordsOf(error), true);
    const rest = this.#editor.fail(error.mistakes);
    const told = rest.map(({ at, message }) => sentences(`${at}: ${message}`));
    this.#say(
      ['Nothing was saved: see what is marked.', ...told]
        .slice(rest.length === error.mistakes.length ? 1 : 0)
        .join(' '),
      true,
    );
    this.#editor.focusFault();
  }

  /** @param {string} text @param {boolean} [isFault] */
  #say(text, isFault = false) {
    this.#said.textContent = text;
    this.#said.classList.toggle('error', isFault);
  }
}
