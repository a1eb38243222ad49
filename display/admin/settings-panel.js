// @ts-check
/** What a room is set to: sends only what was changed, and leaves alone what is being typed. */
import { make } from '../make.js';
import { choiceField, listField, numberField, textField, tickField } from './fields.js';
import { Form } from './form.js';
import { languageAttributes, languageName } from './languages.js';

/**
 * @typedef {{ room: string, live: { source: { device: string } | null, engine: { name: string, withoutEffect: string[] } } }} SettingsView
 *   beside the settings themselves
 */

const engines = /** @type {const} */ ([
  ['', 'The relay’s default'],
  ['transcribe', 'Amazon Transcribe'],
  ['pocketsphinx', 'PocketSphinx (English, offline)'],
  ['sherpa', 'Sherpa'],
]);
const identifications = /** @type {const} */ ([
  ['', 'No: it is the language above'],
  ['single', 'Yes, one language for the whole session'],
  ['multiple', 'Yes, anew with each sentence'],
]);
const stabilities = /** @type {const} */ ([
  ['high', 'High: words stay soonest'],
  ['medium', 'Medium'],
  ['low', 'Low: most exact'],
]);
const personalData = /** @type {const} */ ([
  ['', 'Shown'],
  ['identify', 'Shown, and marked in the transcript'],
  ['redact', 'Replaced by its kind'],
]);
const filterMethods = /** @type {const} */ ([
  ['mask', 'Shown as ***'],
  ['remove', 'Left out'],
  ['tag', 'Shown, and marked in the transcript'],
]);

/** What the relay calls settings in its reasons, where that is no plain word. */
const rename = {
  pii: 'Personal data',
  languageOptions: 'Languages to choose from',
  preferredLanguage: 'Likeliest language',
  identification: 'Find out the language',
  vocabularyFilters: 'Vocabulary filters',
  vocabularyFilterMethod: 'Filtered words',
  speakerLabels: 'Name speakers',
};

/** Names of machines: nobody wants them corrected. */
const asTyped = { autocapitalize: 'none', spellcheck: 'false' };

/** The settings beside the language, as `recognition` of a room. @param {Record<string, string>} language attributes */
const recognitionFields = (language) => [
  choiceField({ name: 'recognition.identification', label: 'Find out the language', options: identifications }),
  listField({
    name: 'recognition.languageOptions',
    label: 'Languages to choose from',
    hint: '2 to 5, divided by commas: it-IT, en-GB',
    attributes: asTyped,
  }),
  textField({
    name: 'recognition.preferredLanguage',
    label: 'Likeliest language',
    hint: 'Only where one language is found out for the whole session',
    nullable: true,
    attributes: language,
  }),
  choiceField({ name: 'recognition.stability', label: 'Stability', options: stabilities }),
  tickField({ name: 'recognition.speakerLabels', label: 'Name speakers by number' }),
  choiceField({
    name: 'recognition.pii',
    label: 'Personal data',
    hint: 'Names, numbers and addresses as the service knows them',
    options: personalData,
  }),
  listField({
    name: 'recognition.vocabularyFilters',
    label: 'Vocabulary filters',
    hint: 'Names of filters in the AWS account, divided by commas',
    attributes: asTyped,
  }),
  choiceField({ name: 'recognition.vocabularyFilterMethod', label: 'Filtered words', options: filterMethods }),
];

export class SettingsPanel {
  element;
  #form;
  #language = textField({ name: 'language', label: 'Language', attributes: languageAttributes() });
  #recognition = recognitionFields(languageAttributes());
  #devices = make('datalist', { id: 'devices' });

  /** @param {{ call: import('./call.js').Call, room: string }} parts */
  constructor({ call, room }) {
    const ofRoom = [
      textField({ name: 'name', label: 'Name', hint: 'What people call the room', attributes: { maxlength: '200' } }),
      this.#language,
      choiceField({ name: 'engine', label: 'Engine', options: engines }),
      tickField({ name: 'public', label: 'Anyone may read', hint: 'Captions and transcript need no token' }),
      textField({
        name: 'source',
        label: 'Pinned kit',
        hint: 'It goes before any other as soon as it is there. Empty: whichever comes',
        nullable: true,
        attributes: { list: this.#devices.id, maxlength: '128', ...asTyped },
      }),
      numberField({
        name: 'restAfter',
        label: 'Rest after seconds of silence',
        hint: '0: never. Empty: as the relay is told',
        attributes: { min: '0', max: '86400', step: 'any' },
      }),
    ];
    this.#language.control.addEventListener('input', () => this.#nameLanguage());
    this.#form = new Form({
      fields: [...ofRoom, ...this.#recognition],
      button: 'Save',
      rename,
      children: [
        ...ofRoom.map(({ element }) => element),
        make('fieldset', {}, make('legend', {}, 'Recognition'), ...this.#recognition.map(({ element }) => element)),
        this.#devices,
      ],
      act: async () => {
        const changes = this.#form.changes();
        if (Object.keys(changes).length === 0) return 'Nothing was changed.';
        const path = `/api/rooms/${room}`;
        await call('GET', path); // one that was deleted meanwhile must not be made anew
        /** @type {SettingsView} */
        const view = await call('PUT', path, changes);
        this.update(view, true);
        return 'Saved. It holds for what is spoken from now on.';
      },
    });
    this.element = make('div', {}, this.#form.element);
  }

  /** @param {SettingsView} view @param {boolean} [wasSent] it is the answer to what was sent */
  update(view, wasSent = false) {
    this.#form.settle(view, wasSent);
    this.#nameLanguage();
    const { engine, source } = view.live;
    for (const field of this.#recognition) {
      const isIdle = engine.withoutEffect.includes(field.name.replace('recognition.', ''));
      if (!field.isChanged) field.note(isIdle ? `Does nothing with the engine ${engine.name}.` : '');
    }
    const device = source?.device ?? '';
    if (this.#devices.dataset.device === device) return;
    this.#devices.dataset.device = device;
    this.#devices.replaceChildren(...(device ? [make('option', { value: device })] : []));
  }

  /** Which language a tag is, while it is typed. */
  #nameLanguage() {
    this.#language.explain(languageName(this.#language.read() ?? ''));
  }
}
