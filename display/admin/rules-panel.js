// @ts-check
/** Text rules of a room or the event, with a look at what they make of a sentence. */
import { make } from '../make.js';
import { ApiError, wordsOf } from './call.js';
import { Field } from './field.js';
import { choiceField, textField, tickField } from './fields.js';
import { languageAttributes } from './languages.js';
import { Rows } from './rows.js';
import { SavedList } from './saved-list.js';

const previewAfterMs = 300;

const language = () =>
  textField({
    name: 'language',
    label: 'Language',
    nullable: true,
    attributes: { ...languageAttributes(), placeholder: 'all' },
  });

const replacementCells = () => [
  textField({ name: 'find', label: 'Find', exact: true, attributes: { maxlength: '100' } }),
  textField({ name: 'replace', label: 'Replace with', exact: true, attributes: { maxlength: '200' } }),
  choiceField({
    name: 'case',
    label: 'Capitals',
    options: [
      ['found', 'as found'],
      ['typed', 'as typed'],
    ],
  }),
  language(),
  tickField({ name: 'regex', label: 'Pattern (RE2)' }),
];
const blockedCells = () => [
  textField({ name: 'word', label: 'Word', attributes: { maxlength: '100' } }),
  choiceField({
    name: 'method',
    label: 'Shown as',
    options: [
      ['mask', '***'],
      ['drop', 'nothing'],
    ],
  }),
  language(),
];

/** @typedef {{ replacements: object[], blocked: object[] }} TextRules */
/** @param {object} answer @returns {TextRules} */
const rulesIn = (answer) => ({ replacements: [], blocked: [], ...answer });

export class RulesPanel {
  element;
  refresh;
  #call;
  #room;
  #replacements = new Rows({
    path: 'replacements',
    what: 'replacement',
    cells: replacementCells,
    onInput: () => this.#soon(),
  });
  #blocked = new Rows({ path: 'blocked', what: 'blocked word', cells: blockedCells, onInput: () => this.#soon() });
  #sample;
  #shown = make('output', { class: 'preview' });
  #acted = make('p', { class: 'hint' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asked = 0;

  /** @param {{ call: import('./call.js').Call, room?: string }} parts without a room: those of the event */
  constructor({ call, room }) {
    this.#call = call;
    this.#room = room;
    const sample = make('textarea', { rows: '2', maxlength: '5000' });
    this.#sample = new Field({
      name: 'text',
      label: 'Try a sentence',
      hint: 'Nothing is saved by it. It is tried with the rules as they stand here.',
      control: sample,
      read: () => sample.value,
      write: (value) => {
        sample.value = String(value);
      },
    });
    sample.addEventListener('input', () => this.#soon());
    const saved = new SavedList({
      call,
      path: room ? `/api/rooms/${room}/text-rules` : '/api/text-rules',
      listOf: (answer) => [rulesIn(answer).replacements, rulesIn(answer).blocked],
      saved: 'Saved. The rules hold for what is published from now on.',
      editor: {
        element: make(
          'div',
          {},
          make('fieldset', {}, make('legend', {}, 'Replacements'), this.#replacements.element),
          make('fieldset', {}, make('legend', {}, 'Blocked words'), this.#blocked.element),
        ),
        put: (answer) => {
          this.#replacements.put(rulesIn(answer).replacements);
          this.#blocked.put(rulesIn(answer).blocked);
        },
        value: () => this.#rules(),
        absolve: () => this.#absolve(),
        fail: (mistakes) => this.#fail(mistakes),
        focusFault: () => (this.#replacements.firstFault ?? this.#blocked.firstFault)?.control.focus(),
      },
    });
    this.refresh = () => saved.refresh();
    this.element = make(
      'div',
      {},
      make(
        'p',
        {},
        room
          ? 'Corrections of what the engine says in this room. They go before those of the event.'
          : 'Corrections of what engines say in every room.',
      ),
      saved.element,
      make(
        'fieldset',
        {},
        make('legend', {}, 'Preview'),
        this.#sample.element,
        make('p', {}, 'Readers see: ', this.#shown),
        this.#acted,
      ),
    );
  }

  close() {
    clearTimeout(this.#timer);
  }

  #rules() {
    return { replacements: this.#replacements.values, blocked: this.#blocked.values };
  }

  #absolve() {
    this.#replacements.absolve();
    this.#blocked.absolve();
  }

  /** @param {import('./call.js').Mistake[]} mistakes */
  #fail(mistakes) {
    return this.#blocked.fail(this.#replacements.fail(mistakes));
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#preview(), previewAfterMs);
  }

  async #preview() {
    const asked = ++this.#asked;
    const text = this.#sample.read();
    try {
      /** @type {{ text: string, acted: { scope: string, find: string }[], leftOut: { find: string }[] }} */
      const answer = await this.#call('POST', '/api/text-rules/preview', {
        text,
        rules: this.#rules(),
        ...(this.#room ? { room: this.#room } : {}),
      });
      if (asked !== this.#asked) return;
      this.#absolve();
      this.#shown.textContent = answer.text || (text ? '(nothing: there would be no caption)' : '');
      const acted = answer.acted.map(
        ({ find, scope }) => `${find}${scope === 'event' && this.#room ? ' (of the event)' : ''}`,
      );
      this.#acted.textContent = acted.length > 0 ? `Acted: ${acted.join(', ')}` : text ? 'No rule acts on it.' : '';
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#absolve();
      const mistakes = error instanceof ApiError ? error.mistakes : [];
      const rest = this.#fail(mistakes.map(({ at, message }) => ({ at: at.replace(/^rules\./, ''), message })));
      this.#shown.textContent = '';
      this.#acted.textContent =
        mistakes.length === 0
          ? wordsOf(error)
          : rest.map(({ message }) => message).join('. ') || 'There is no preview while something above is marked.';
    }
  }
}
