// @ts-check
/** Names and terms of a room or the event, and how the vocabularies made of them stand. */
import { make } from '../make.js';
import { textField } from './fields.js';
import { languageAttributes } from './languages.js';
import { button } from './press.js';
import { Rows } from './rows.js';
import { SavedList } from './saved-list.js';

/**
 * @typedef {{ name: string, language: string, region: string | null, phrases: number, state: string, message: string,
 *   hint: string, rooms?: string[] }} Vocabulary
 * @typedef {{ phrases: object[], message: string, vocabularies: Vocabulary[],
 *   leftOut: { list: string, index: number, phrase: string, language: string, message: string }[] }} VocabularyView
 */

/** @type {Record<string, string>} */
const states = {
  waiting: 'about to be made',
  pending: 'being made, which takes minutes',
  ready: 'ready: used by sessions that open from now on',
  failed: 'could not be made',
  unavailable: 'cannot be made at the moment; tried again by itself',
};
const phraseCells = () => [
  textField({ name: 'phrase', label: 'As it is spoken', attributes: { maxlength: '255' } }),
  textField({
    name: 'displayAs',
    label: 'Shown as',
    nullable: true,
    attributes: { maxlength: '200', placeholder: 'as it is' },
  }),
  textField({
    name: 'language',
    label: 'Language',
    nullable: true,
    attributes: { ...languageAttributes(), placeholder: 'all' },
  }),
];

/** @param {object} answer @returns {VocabularyView} */
const viewIn = (answer) => ({ phrases: [], message: '', vocabularies: [], leftOut: [], ...answer });

export class VocabularyPanel {
  element;
  refresh;
  #rows = new Rows({ path: 'phrases', what: 'phrase', cells: phraseCells });
  #states = make('ul', { class: 'items' });

  /** @param {{ call: import('./call.js').Call, room?: string }} parts without a room: those of the event */
  constructor({ call, room }) {
    const pasted = make('textarea', { rows: '3', 'aria-label': 'Phrases to add, one a line' });
    const add = button('Add these lines', () => {
      const lines = pasted.value.split('\n').map((line) => line.trim());
      this.#rows.addAll(lines.filter(Boolean).map((phrase) => ({ phrase })));
      pasted.value = '';
    });
    const saved = new SavedList({
      call,
      path: room ? `/api/rooms/${room}/vocabulary` : '/api/vocabulary',
      listOf: (answer) => viewIn(answer).phrases,
      onAnswer: (answer) => this.#tell(viewIn(answer)),
      saved:
        'Saved. Captions show the phrases as told from now on; the engine listens for them once its vocabulary is ready.',
      editor: {
        element: make(
          'div',
          {},
          this.#rows.element,
          make('details', {}, make('summary', {}, 'Paste a list'), pasted, make('div', { class: 'buttons' }, add)),
        ),
        put: (answer) => this.#rows.put(viewIn(answer).phrases),
        value: () => ({ phrases: this.#rows.values }),
        absolve: () => this.#rows.absolve(),
        fail: (mistakes) => this.#rows.fail(mistakes),
        focusFault: () => this.#rows.firstFault?.control.focus(),
      },
    });
    this.refresh = () => saved.refresh();
    this.element = make(
      'div',
      {},
      make(
        'p',
        {},
        'Names and terms to listen for, as they are spoken: digits spelled out. ',
        room ? 'Those of the event count here, too.' : 'They count in every room.',
      ),
      saved.element,
      make('h3', {}, 'Vocabularies of the engine'),
      this.#states,
    );
  }

  /** @param {VocabularyView} view */
  #tell({ message, vocabularies, leftOut }) {
    const items = vocabularies.map(({ language, phrases, state, message: why, hint, rooms }) =>
      make(
        'li',
        { 'data-state': state },
        make('strong', {}, `${language}: ${states[state] ?? state}`),
        make(
          'small',
          {},
          [`${phrases} phrases`, ...(rooms ? [rooms.join(', ')] : []), why, hint].filter(Boolean).join('. '),
        ),
      ),
    );
    const left = leftOut.map(({ phrase, language, message: why }) =>
      make('li', {}, make('strong', {}, `Left out of ${language}: ${phrase}`), make('small', {}, why)),
    );
    const none = vocabularies.length === 0 ? [make('li', {}, message || 'None is needed.')] : [];
    this.#states.replaceChildren(...items, ...none, ...left);
  }
}
