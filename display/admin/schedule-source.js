// @ts-check
/** Where the schedule comes from: an address or a file, and how it is to be read. */

import { make } from '../make.js';
import { Field } from './field.js';
import { choiceField, numberField, textField } from './fields.js';
import { Form } from './form.js';
import { languageAttributes } from './languages.js';
import { zone } from './times.js';

/** @typedef {import('./schedule-panel.js').Source} Source */
/** @typedef {import('./schedule-panel.js').ScheduleView} ScheduleView */

/** A slow server far away, and every talk of it. */
export const fetchTimeoutMs = 60_000;
/** As many as the relay takes. */
const maxFileBytes = 5 * 1024 * 1024;
const defaultEveryMinutes = 5;
const formats = /** @type {const} */ ([
  ['', 'Found out by itself'],
  ['json', 'schedule.json (pretalx, frab)'],
  ['xml', 'schedule.xml (pretalx, frab)'],
  ['csv', 'Table (CSV)'],
]);

export class ScheduleSource {
  element;
  #call;
  #taken;
  #rooms;
  #form;
  #kind = choiceField({
    name: 'source.kind',
    label: 'Read from',
    options: [
      ['url', 'An address, again and again'],
      ['file', 'A file, once'],
    ],
  });
  #ofUrl = [
    textField({
      name: 'source.url',
      label: 'Address',
      hint: 'Of the export, like https://talks.example.org/event/schedule/export/schedule.json',
      attributes: { type: 'url', inputmode: 'url', placeholder: 'https://' },
    }),
    numberField({
      name: 'source.everyMinutes',
      label: 'Again every so many minutes',
      attributes: { min: '1', max: '1440' },
    }),
  ];
  #chosen = make('input', {
    type: 'file',
    accept: '.json,.xml,.csv,.tsv,application/json,text/xml,application/xml,text/csv',
  });
  #file = new Field({
    name: 'file',
    label: 'File',
    control: this.#chosen,
    read: () => this.#chosen.files?.[0]?.name ?? '',
    write: () => {
      this.#chosen.value = '';
    },
  });
  #reading = [
    choiceField({ name: 'source.format', label: 'Format', options: formats }),
    textField({
      name: 'source.timeZone',
      label: 'Time zone',
      hint: `Of times without one, like ${zone()}. Empty: as the schedule says`,
      nullable: true,
      attributes: { autocapitalize: 'none', spellcheck: 'false' },
    }),
    textField({
      name: 'source.language',
      label: 'Language',
      hint: 'Of talks that name none. Empty: their rooms keep theirs',
      nullable: true,
      attributes: languageAttributes(),
    }),
  ];

  /**
   * @param {object} parts
   * @param {import('./call.js').Call} parts.call
   * @param {() => Record<string, string>} parts.rooms those that are mapped now
   * @param {(view: ScheduleView) => void} parts.taken how it stands after that
   */
  constructor({ call, rooms, taken }) {
    this.#call = call;
    this.#rooms = rooms;
    this.#taken = taken;
    this.#form = new Form({
      fields: [this.#kind, ...this.#ofUrl, this.#file, ...this.#reading],
      button: 'Take this schedule',
      act: () => (this.#isFile ? this.#takeFile() : this.#takeUrl()),
    });
    this.element = this.#form.element;
    this.#ofUrl[1]?.put(defaultEveryMinutes);
    this.#kind.control.addEventListener('input', () => this.#showKind());
    this.#showKind();
  }

  get #isFile() {
    return this.#kind.read() === 'file';
  }

  #showKind() {
    for (const { element } of this.#ofUrl) element.hidden = this.#isFile;
    this.#file.element.hidden = !this.#isFile;
  }

  /** What the relay has; what is typed stays. @param {Source} source @param {boolean} wasSent it is the answer to what was sent */
  settle(source, wasSent) {
    const { everyMinutes = defaultEveryMinutes, url = '', format = null, timeZone = null, language = null } = source;
    const file = wasSent ? '' : this.#file.read();
    this.#form.settle({ source: { ...source, everyMinutes, url, format, timeZone, language }, file }, wasSent);
    this.#showKind();
  }

  async #takeUrl() {
    const [url] = this.#ofUrl;
    if (!url?.read()) return url?.fail('Say where it is.');
    const source = { ...given([this.#kind, ...this.#ofUrl, ...this.#reading]), rooms: this.#rooms() };
    this.#taken(await this.#call('PUT', '/api/schedule', { source }, { timeoutMs: fetchTimeoutMs }));
    return 'Asked for. It stands above how it went.';
  }

  async #takeFile() {
    const file = this.#chosen.files?.[0];
    if (!file) return this.#file.fail('Choose the file.');
    if (file.size > maxFileBytes) return this.#file.fail(`It is larger than ${maxFileBytes / 1024 / 1024} MB.`);
    const query = new URLSearchParams(
      Object.entries(given(this.#reading)).map(([name, value]) => [name, String(value)]),
    );
    const body = new Blob([file], { type: 'application/octet-stream' });
    this.#taken(await this.#call('PUT', `/api/schedule/file?${query}`, body, { timeoutMs: fetchTimeoutMs }));
    return `${file.name} is taken.`;
  }
}

/** What is filled in, by the name that the relay has for it. @param {{ name: string, read: () => unknown }[]} fields */
const given = (fields) =>
  Object.fromEntries(
    fields.flatMap(({ name, read }) => {
      const value = read();
      return value === null || value === '' ? [] : [[name.replace('source.', ''), value]];
    }),
  );
