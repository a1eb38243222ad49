// @ts-check
/** A form that puts every mistake where it was made. */
import { make } from '../make.js';
import { ApiError, RelayAway, sentences, wordsOf } from './call.js';
import { whileBusy } from './press.js';

/**
 * A field of whatever value.
 * @typedef {{ name: string, label: string, element: HTMLElement, control: HTMLElement, isChanged: boolean,
 *   read: () => unknown, fail: (message: string) => void, shown: (value: unknown) => string,
 *   sent: () => void, settle: (value: unknown, wasSent?: boolean) => void }} AnyField
 */

export class Form {
  element;
  #fields;
  #said = make('p', { class: 'said', role: 'status' });
  #act;
  #places;
  #rename;

  /**
   * @param {object} parts
   * @param {AnyField[]} parts.fields
   * @param {string} parts.button what it does, in a word or two
   * @param {() => Promise<string | void>} parts.act what is thrown goes to the fields; what it returns is told
   * @param {(Node | string)[]} [parts.children] the content, where it is more than one field after the other
   * @param {Record<string, string>} [parts.places] by the code of a refusal, the field that it is about
   * @param {Record<string, string>} [parts.rename] what the relay calls a setting, and what people call it
   */
  constructor({ fields, button, act, children, places = {}, rename = {} }) {
    this.#fields = fields;
    this.#act = act;
    this.#rename = rename;
    this.#places = places;
    const submit = make('button', { class: 'main' }, button);
    this.element = make(
      'form',
      { novalidate: '' },
      ...(children ?? fields.map(({ element }) => element)),
      make('div', { class: 'buttons' }, submit),
      this.#said,
    );
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      void whileBusy(submit, () => this.#submit());
    });
  }

  async #submit() {
    for (const field of this.#fields) {
      field.fail('');
      field.sent();
    }
    this.say('');
    try {
      this.say((await this.#act()) ?? '');
    } catch (error) {
      this.fail(error);
    }
  }

  /** Whether anything is typed that is not saved. */
  get isChanged() {
    return this.#fields.some(({ isChanged }) => isChanged);
  }

  /** The values that differ from what the relay has, as it takes them: `recognition.pii` inside `recognition`. */
  changes() {
    return nested(this.#fields.filter(({ isChanged }) => isChanged));
  }

  values() {
    return nested(this.#fields);
  }

  /** What the relay has; what is typed and not sent stays. @param {object} value @param {boolean} [wasSent] it is the answer to what was sent */
  settle(value, wasSent = false) {
    for (const field of this.#fields) field.settle(valueAt(value, field.name), wasSent);
  }

  /** What became of it, below the button. @param {string} text @param {boolean} [isFault] */
  say(text, isFault = false) {
    this.#said.textContent = text;
    this.#said.classList.toggle('error', isFault);
  }

  /** Tells each mistake at its field, the rest below the button; the first field with one has the focus. @param {unknown} error */
  fail(error) {
    const rest = error instanceof ApiError ? this.#place(error) : [unsaved(error)];
    const first = this.#fields.find(({ control }) => control.getAttribute('aria-invalid') === 'true');
    this.say(sentences(...rest), rest.length > 0);
    first?.control.focus();
  }

  /** @param {ApiError} error @returns {string[]} what has no field */
  #place(error) {
    const { mistakes, clashes } = error;
    if (mistakes.length === 0 && clashes.length === 0) {
      const field = this.#fields.find(({ name }) => name === this.#places[error.code]);
      field?.fail(error.message);
      return field ? [] : [error.message];
    }
    const rest = clashes.length > 0 ? [this.#renamed(error.hint)] : [];
    for (const { at, message } of mistakes) {
      const field = this.#fields.find(({ name }) => isIn(name, at));
      if (field) field.fail(message.endsWith('.') ? message : `${message}.`);
      else rest.push(`${at}: ${message}`);
    }
    for (const clash of clashes) {
      const both = clash.settings.map(({ name }) => this.#fields.find((field) => field.name === name));
      const words = this.#clashWords(clash);
      const culprit = both.find((field) => field?.isChanged) ?? both.find(Boolean);
      if (culprit) culprit.fail(words);
      else rest.push(words);
    }
    return rest;
  }

  /** @param {import('./call.js').Clash} clash */
  #clashWords({ settings, reason }) {
    const named = settings.map(({ name, value }) => {
      const field = this.#fields.find((each) => each.name === name);
      const plain = parsed(value);
      return `${field?.label ?? name} ${field ? field.shown(plain) : `“${value}”`}`;
    });
    return `${named.join(' and ')} do not go together: ${this.#renamed(reason)}`;
  }

  /** @param {string} text */
  #renamed(text) {
    return text.replace(/\b[a-z]\w*\b/gi, (word) =>
      Object.hasOwn(this.#rename, word) ? `“${this.#rename[word]}”` : word,
    );
  }
}

/** @param {unknown} error */
const unsaved = (error) =>
  error instanceof RelayAway
    ? 'The relay cannot be reached. Nothing was changed, what you typed still stands here: try again'
    : wordsOf(error);

/** @param {string} json @returns {unknown} */
function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** Whether a mistake at a path is one of a field; a file's settings are sent without the word that goes before them.
 * @param {string} name @param {string} at */
const isIn = (name, at) => at === name || at.startsWith(`${name}.`) || name.endsWith(`.${at}`);

/** @param {unknown} value @param {string} path @returns {unknown} */
function valueAt(value, path) {
  return path
    .split('.')
    .reduce((/** @type {unknown} */ inner, name) => new Map(Object.entries(Object(inner))).get(name), value);
}

/** @param {AnyField[]} fields */
function nested(fields) {
  /** @type {Record<string, unknown>} */
  const all = {};
  for (const { name, read } of fields) {
    const [outer = '', inner] = name.split('.');
    if (inner === undefined) all[outer] = read();
    else all[outer] = { ...Object(all[outer]), [inner]: read() };
  }
  return all;
}
