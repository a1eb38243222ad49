// @ts-check
/** The conference's own schedule: where it is read from, which of its rooms is which of ours, and how it stands. */
import { make } from '../make.js';
import { sentences, wordsOf } from './call.js';
import { choiceField, Field, numberField, textField } from './fields.js';
import { Form } from './form.js';
import { languageAttributes } from './languages.js';
import { button, sureButton } from './press.js';
import { RoomMapping } from './room-mapping.js';
import { momentIn, zone } from './times.js';

/**
 * @typedef {{ kind: 'url' | 'file', url?: string, everyMinutes?: number, format?: string, timeZone?: string,
 *   rooms?: Record<string, string>, language?: string | null }} Source
 * @typedef {{ source: Source | null, state: { fetchedMs: number | null, lastGoodMs: number | null, message: string, hint: string },
 *   talks: number, unmatched: string[], rooms: string[] }} ScheduleView
 */

/** A slow server far away, and every talk of it. */
const fetchTimeoutMs = 60_000;
const maxFileBytes = 8 * 1024 * 1024;
const formats = /** @type {const} */ ([
  ['', 'Found out by itself'],
  ['json', 'schedule.json (pretalx, frab)'],
  ['xml', 'schedule.xml (pretalx, frab)'],
  ['csv', 'CSV'],
]);

export class SchedulePanel {
  element;
  #call;
  #state = make('p');
  #facts = make('p', { class: 'hint' });
  #said = make('p', { class: 'said', role: 'status' });
  #mapping;
  #form;
  #fields = [
    choiceField({
      name: 'kind',
      label: 'Read from',
      options: [
        ['url', 'An address, again and again'],
        ['file', 'A file, once'],
      ],
    }),
    textField({
      name: 'url',
      label: 'Address',
      hint: 'https only',
      attributes: { type: 'url', inputmode: 'url', placeholder: 'https://' },
    }),
    numberField({ name: 'everyMinutes', label: 'Again every so many minutes', attributes: { min: '1', max: '1440' } }),
  ];
  #ofFile = make('input', {
    type: 'file',
    accept: '.json,.xml,.csv,application/json,text/xml,application/xml,text/csv',
  });
  #file = new Field({
    name: 'file',
    label: 'File',
    control: this.#ofFile,
    read: () => this.#ofFile.files?.[0]?.name ?? '',
    write: () => {
      this.#ofFile.value = '';
    },
  });
  #more = [
    choiceField({ name: 'format', label: 'Format', options: formats }),
    textField({
      name: 'timeZone',
      label: 'Time zone',
      hint: `Where the schedule itself names none, like ${zone()}`,
      nullable: true,
      attributes: { autocapitalize: 'none', spellcheck: 'false' },
    }),
    textField({
      name: 'language',
      label: 'Language',
      hint: 'Of talks for which the schedule names none. Empty: the room’s stays',
      nullable: true,
      attributes: languageAttributes(),
    }),
  ];
  /** @type {Source | null} */
  #source = null;

  /** @param {{ call: import('./call.js').Call }} parts */
  constructor({ call }) {
    this.#call = call;
    this.#mapping = new RoomMapping({ save: (rooms) => this.#map(rooms) });
    const [kind] = this.#fields;
    const showKind = () => {
      const isFile = kind?.read() === 'file';
      for (const field of this.#fields.slice(1)) field.element.hidden = isFile;
      this.#file.element.hidden = !isFile;
    };
    kind?.control.addEventListener('input', showKind);
    this.#form = new Form({
      fields: [...this.#fields, this.#file, ...this.#more],
      button: 'Take this schedule',
      act: () => (kind?.read() === 'file' ? this.#takeFile() : this.#takeUrl()),
    });
    showKind();
    this.#fields[2]?.put(15);
    const go = sureButton({
      text: 'Take the schedule out',
      sure: 'Take out now?',
      act: () =>
        this.#act(async () => {
          await call('DELETE', '/api/schedule');
          return 'The schedule and its talks are out. Talks made by hand stay.';
        }),
    });
    const fetchNow = button('Fetch now', () =>
      this.#act(async () => {
        await call('POST', '/api/schedule/fetch', undefined, { timeoutMs: fetchTimeoutMs });
        return 'Fetched.';
      }),
    );
    this.element = make(
      'div',
      {},
      this.#state,
      this.#facts,
      make('div', { class: 'buttons' }, fetchNow, go),
      this.#said,
      this.#mapping.element,
      make('h3', {}, 'Where it is'),
      this.#form.element,
    );
  }

  async refresh() {
    try {
      /** @type {[ScheduleView, { rooms: { room: string, name: string }[] }]} */
      const [view, { rooms }] = await Promise.all([
        this.#call('GET', '/api/schedule'),
        this.#call('GET', '/api/rooms'),
      ]);
      this.#show(view, rooms);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {ScheduleView} view @param {{ room: string, name: string }[]} rooms */
  #show({ source, state, talks, unmatched, rooms: names }, rooms) {
    this.#source = source;
    this.#state.textContent = source
      ? sentences(state.message || `${talks} talks are taken from it`, state.hint)
      : 'There is no schedule: talks are made by hand, in each room.';
    const ages = [
      ...(state.fetchedMs ? [`asked for last on ${momentIn(state.fetchedMs)}`] : []),
      ...(state.lastGoodMs ? [`what holds is of ${momentIn(state.lastGoodMs)}`] : []),
    ];
    this.#facts.textContent = source ? [`${talks} talks`, ...ages].join(' · ') : '';
    this.#mapping.show({ names, unmatched, mapped: source?.rooms ?? {}, rooms });
    if (source) this.#form.settle({ ...source, file: '', everyMinutes: source.everyMinutes ?? 15 });
    this.#fields[0]?.control.dispatchEvent(new Event('input'));
  }

  async #takeUrl() {
    const [, url, every] = this.#fields;
    if (!url?.read()) return url?.fail('Say where it is.');
    const { kind: _, file: __, ...values } = Object(this.#form.values());
    await this.#put({
      kind: 'url',
      ...given({ ...values, everyMinutes: every?.read() }),
      rooms: this.#source?.rooms ?? {},
    });
    return 'Taken. It stands above how it went.';
  }

  async #takeFile() {
    const file = this.#ofFile.files?.[0];
    if (!file) return this.#file.fail('Choose the file.');
    if (file.size > maxFileBytes) return this.#file.fail(`It is larger than ${maxFileBytes / 1024 / 1024} MiB.`);
    const query = new URLSearchParams(this.#more.flatMap(({ name, read }) => (read() ? [[name, String(read())]] : [])));
    await this.#call('PUT', `/api/schedule/file?${query}`, new Blob([file], { type: 'text/plain' }), {
      timeoutMs: fetchTimeoutMs,
    });
    await this.refresh();
    return `${file.name} is taken.`;
  }

  /** @param {object} source */
  async #put(source) {
    await this.#call('PUT', '/api/schedule', { source }, { timeoutMs: fetchTimeoutMs });
    await this.refresh();
  }

  /** @param {Record<string, string>} rooms */
  #map(rooms) {
    return this.#put({ ...this.#source, rooms });
  }

  /** @param {() => Promise<string>} act */
  async #act(act) {
    try {
      this.#tell(await act());
      await this.refresh();
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {unknown} message */
  #tell(message) {
    this.#said.textContent = message instanceof Error ? wordsOf(message) : String(message);
    this.#said.classList.toggle('error', message instanceof Error);
  }
}

/** Without what is empty. @param {object} values */
const given = (values) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== ''));
