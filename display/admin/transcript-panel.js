// @ts-check
/** A room's transcript as files: all of it, a talk, or a stretch of time. */
import { make } from '../make.js';
import { choiceField, momentField } from './fields.js';
import { Form } from './form.js';
import { stretchIn, zone } from './times.js';

const formats = /** @type {const} */ ([
  ['txt', 'Text, to read'],
  ['vtt', 'WebVTT, for the web'],
  ['srt', 'SubRip, for players'],
  ['json', 'JSON, with every field'],
]);
/** A day of captions through a slow line. */
const downloadTimeoutMs = 5 * 60_000;
/** A slow device may take this long to begin saving. */
const handedOverMs = 60_000;

/** @typedef {{ id: string, title: string, start: number, end: number }} Talk */

export class TranscriptPanel {
  element;
  #call;
  #room;
  #form;
  #what = choiceField({
    name: 'talk',
    label: 'What',
    options: [
      ['', 'Everything'],
      ['time', 'From one time to another'],
    ],
  });

  /** @param {{ call: import('./call.js').Call, room: string, save?: (file: Blob, name: string) => void }} parts */
  constructor({ call, room, save = saveFile }) {
    this.#call = call;
    this.#room = room;
    const what = this.#what;
    const from = momentField({ name: 'from', label: 'From', hint: `By this device’s clock (${zone()})` });
    const to = momentField({ name: 'to', label: 'To', hint: 'Empty: to the end' });
    const format = choiceField({ name: 'format', label: 'As', options: formats });
    const showTimes = () => {
      from.element.hidden = to.element.hidden = what.read() !== 'time';
    };
    what.control.addEventListener('input', showTimes);
    showTimes();
    this.#form = new Form({
      fields: [what, from, to, format],
      button: 'Download',
      act: async () => {
        const ending = format.read() ?? 'txt';
        const query = new URLSearchParams();
        const [chosen, [begin, end]] = [what.read(), [from.read(), to.read()]];
        if (chosen === 'time') {
          if (begin === null && end === null) return from.fail('Say from when, or until when.');
          if (begin !== null && end !== null && end <= begin) return to.fail('This is not after the beginning.');
          if (begin !== null) query.set('from', String(begin));
          if (end !== null) query.set('to', String(end));
        } else if (chosen) query.set('talk', chosen.slice('talk:'.length));
        const path = `/api/rooms/${room}/transcript.${ending}?${query}`;
        /** @type {Blob} */
        const file = await call('GET', path, undefined, { as: 'blob', timeoutMs: downloadTimeoutMs });
        save(file, `${[room, chosen?.replace(/^talk:/, '')].filter(Boolean).join('-')}.${ending}`);
        return 'Handed over to be saved.';
      },
    });
    this.element = make('div', {}, this.#form.element);
  }

  /** The talks to choose from; what is chosen stays. */
  async refresh() {
    try {
      /** @type {{ talks: Talk[] }} */
      const { talks } = await this.#call('GET', `/api/rooms/${this.#room}/talks`);
      const { control } = this.#what;
      const chosen = this.#what.read();
      for (const old of control.querySelectorAll('option[value^="talk:"]')) old.remove();
      control.append(
        ...talks.map(({ id, title, start, end }) =>
          make('option', { value: `talk:${id}` }, `${title}, ${stretchIn(start, end)}`),
        ),
      );
      this.#what.type(talks.some(({ id }) => `talk:${id}` === chosen) || chosen === 'time' ? chosen : null);
    } catch (error) {
      this.#form.fail(error);
    }
  }
}

/** @param {Blob} file @param {string} name */
export function saveFile(file, name) {
  const address = URL.createObjectURL(file);
  make('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), handedOverMs);
}
