// @ts-check
/** A labelled field with a hint, and a place for what is wrong with it. */
import { make } from '../make.js';

let made = 0;

/**
 * @template V
 * @typedef {object} FieldParts
 * @property {string} name the path of its value in what the relay is sent, like `recognition.pii`
 * @property {string} label
 * @property {string} [hint]
 * @property {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 * @property {() => V} read the value as the relay takes it
 * @property {(value: unknown) => void} write shows a value of the relay's
 * @property {boolean} [labelAfter] as beside a box to tick
 */

/** One value that can be typed. @template [V=unknown] */
export class Field {
  element;
  name;
  label;
  control;
  read;
  /** What the relay has, as far as this page knows. @type {string} */
  #base;
  #sent = '';
  /** Somebody else changed what is being typed here. */
  #isOvertaken = false;
  #write;
  #hint = make('p', { class: 'hint', hidden: '' });
  #note = make('p', { class: 'note', hidden: '' });
  #error = make('p', { class: 'error', hidden: '' });

  /** @param {FieldParts<V>} parts */
  constructor({ name, label, hint = '', control, read, write, labelAfter = false }) {
    this.name = name;
    this.label = label;
    this.control = control;
    this.read = read;
    this.#write = write;
    const id = `field-${++made}`;
    control.id = id;
    control.setAttribute('name', name);
    const caption = make('label', { for: id }, label);
    this.#hint.id = `${id}-hint`;
    this.explain(hint);
    this.#note.id = `${id}-note`;
    this.#error.id = `${id}-error`;
    control.setAttribute('aria-describedby', `${id}-hint ${id}-note ${id}-error`);
    this.element = make(
      'div',
      { class: labelAfter ? 'field tick' : 'field' },
      ...(labelAfter ? [make('div', { class: 'ticked' }, control, caption)] : [caption, control]),
      this.#hint,
      this.#note,
      this.#error,
    );
    control.addEventListener('input', () => this.fail(''));
    this.#base = this.#now();
  }

  #now() {
    return JSON.stringify(this.read());
  }

  /** Whether something else is typed than what the relay has. */
  get isChanged() {
    return this.#now() !== this.#base;
  }

  /** What is sent now. */
  sent() {
    this.#sent = this.#now();
  }

  /**
   * What the relay has. What was typed and not sent stays, with a word about it where somebody else changed the value.
   * @param {unknown} value @param {boolean} [wasSent] it is the answer to what was sent
   */
  settle(value, wasSent = false) {
    const base = JSON.stringify(value);
    const isNews = base !== this.#base;
    const isTyped = this.isChanged && !(wasSent && this.#now() === this.#sent);
    this.#base = base;
    if (!isTyped) this.put(value);
    const isOvertaken = this.isChanged && (this.#isOvertaken || (isNews && !wasSent));
    if (isOvertaken && isNews)
      this.note(`Meanwhile this was set elsewhere to ${this.shown(value)}. What you typed stands here, not saved yet.`);
    if (this.#isOvertaken && !isOvertaken) this.note('');
    this.#isOvertaken = isOvertaken;
  }

  /** Shows what the relay has, whatever is typed. @param {unknown} value */
  put(value) {
    this.#base = JSON.stringify(value);
    if (this.#now() === this.#base) return;
    this.#write(value);
    this.#base = this.#now();
  }

  /** Types something, as the organizer would. @param {unknown} value */
  type(value) {
    this.#write(value);
  }

  /** A value in words. @param {unknown} value @returns {string} */
  shown(value) {
    const option =
      this.control instanceof HTMLSelectElement && [...this.control.options].find((o) => o.value === keyOf(value));
    if (option) return `“${option.text}”`;
    if (typeof value === 'boolean') return value ? 'yes' : 'no';
    if (Array.isArray(value)) return value.length === 0 ? 'nothing' : `“${value.join(', ')}”`;
    return value === null || value === '' ? 'nothing' : `“${value}”`;
  }

  /** The hint below it. @param {string} text empty: none */
  explain(text) {
    say(this.#hint, text);
  }

  /** Something to know about it. @param {string} text empty: nothing */
  note(text) {
    say(this.#note, text);
  }

  /** What is wrong with it, as a sentence. @param {string} message empty: nothing */
  fail(message) {
    say(this.#error, message);
    if (message) this.control.setAttribute('aria-invalid', 'true');
    else this.control.removeAttribute('aria-invalid');
  }
}

/** @param {HTMLElement} element @param {string} text */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === '';
}

/** As a control has it; null is ''. @param {unknown} value */
export const keyOf = (value) => (value === null || value === undefined ? '' : String(value));
