// @ts-check
/** A list of which every entry has the same few fields; entries are added, taken out, and told their mistakes. */
import { make } from '../make.js';
import { button } from './press.js';

/** @typedef {import('./form.js').AnyField & { put: (value: unknown) => void, type: (value: unknown) => void }} CellField */
/** @typedef {{ element: HTMLElement, fields: CellField[] }} Row */

export class Rows {
  element;
  #path;
  #cells;
  #what;
  /** @type {Row[]} */
  #rows = [];
  #list = make('div', { class: 'rows' });
  #count = make('p', { class: 'hint' });
  #onInput;

  /**
   * @param {object} parts
   * @param {string} parts.path of the list in what the relay is sent: mistakes are told as `PATH.3.FIELD`
   * @param {string} parts.what one entry, in a word: "replacement"
   * @param {() => CellField[]} parts.cells the fields of one entry, by their names
   * @param {() => void} [parts.onInput] something was typed, added or taken out
   */
  constructor({ path, what, cells, onInput = () => {} }) {
    this.#path = path;
    this.#what = what;
    this.#cells = cells;
    this.#onInput = onInput;
    const add = button(`Add a ${what}`, () => {
      this.add({})?.control.focus();
      onInput();
    });
    this.element = make('div', {}, this.#count, this.#list, make('div', { class: 'buttons' }, add));
    this.element.addEventListener('input', onInput);
    this.#number();
  }

  /** Each entry as the relay takes it; those of which nothing is typed are none. */
  get values() {
    return this.#typed().map(({ fields }) => valueOfRow(fields));
  }

  #typed() {
    return this.#rows.filter(({ fields }) => fields.some(({ isChanged }) => isChanged) || !isEmpty(fields));
  }

  /** Shows these and nothing else. @param {readonly object[]} values */
  put(values) {
    this.#rows = [];
    this.#list.replaceChildren();
    for (const value of values) this.#append(value);
    this.#number();
  }

  /** @param {object} value @returns {CellField | undefined} its first field */
  add(value) {
    const first = this.#append(value);
    this.#number();
    return first;
  }

  /** @param {object} value */
  #append(value) {
    const fields = this.#cells();
    const given = new Map(Object.entries(value));
    for (const field of fields) if (given.has(field.name)) field.type(given.get(field.name));
    const out = button('Take out', () => {
      const at = this.#rows.indexOf(row);
      this.#rows = this.#rows.filter((each) => each !== row);
      row.element.remove();
      this.#number();
      this.#onInput();
      const next = this.#rows[Math.min(at, this.#rows.length - 1)];
      next?.fields[0]?.control.focus();
    });
    const row = { element: make('div', { role: 'group' }, ...fields.map(({ element }) => element), out), fields };
    this.#rows.push(row);
    this.#list.append(row.element);
    return fields[0];
  }

  #number() {
    this.#rows.forEach(({ element }, i) => {
      element.setAttribute('aria-label', `${this.#what} ${i + 1}`);
    });
    this.#count.textContent =
      this.#rows.length === 0 ? `There is no ${this.#what} yet.` : `${this.#rows.length} in the list.`;
  }

  /** Several at once. @param {readonly object[]} values */
  addAll(values) {
    for (const value of values) this.#append(value);
    this.#number();
  }

  /** Nothing is wrong, as far as is known. */
  absolve() {
    for (const { fields } of this.#rows) for (const field of fields) field.fail('');
  }

  /** Tells mistakes where they are. @param {import('./call.js').Mistake[]} mistakes @returns {import('./call.js').Mistake[]} those of elsewhere */
  fail(mistakes) {
    const typed = this.#typed();
    return mistakes.filter(({ at, message }) => {
      const [, index = '', name = ''] = new RegExp(`^${this.#path}\\.(\\d+)(?:\\.(\\w+))?$`).exec(at) ?? [];
      const fields = index === '' ? [] : (typed[Number(index)]?.fields ?? []);
      const field = fields.find((each) => each.name === name) ?? fields[0];
      field?.fail(message.endsWith('.') ? message : `${message}.`);
      return !field;
    });
  }

  /** The first field with a mistake. */
  get firstFault() {
    return this.#rows
      .flatMap(({ fields }) => fields)
      .find(({ control }) => control.getAttribute('aria-invalid') === 'true');
  }
}

/** @param {CellField[]} fields */
const isEmpty = (fields) => {
  const [first] = fields;
  return !first || first.read() === '' || first.read() === null;
};

/** @param {CellField[]} fields */
const valueOfRow = (fields) => Object.fromEntries(fields.map(({ name, read }) => [name, read()]));
