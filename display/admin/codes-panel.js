// @ts-check
/** QR codes of a room to print, each made with a fresh token where one is needed. */
import { make } from '../make.js';
import { choiceField, momentField, tickField } from './fields.js';
import { Form } from './form.js';
import { button } from './press.js';
import { sheet } from './sheet.js';

const dayMs = 24 * 3_600_000;

/** Phones cannot open what only this machine can. @param {string} host */
const isOnlyHere = (host) => /^(localhost|127\.|\[::1\])/.test(host);

/** @param {string} origin @param {string} room @param {string} token empty: the room is open to all */
export const readersPage = (origin, room, token) =>
  `${origin}/rooms/${room}${token ? `#token=${encodeURIComponent(token)}` : ''}`;
/** @param {string} origin @param {string} room @param {string} token */
export const microphonePage = (origin, room, token) =>
  `${origin}/rooms/${room}/microphone#token=${encodeURIComponent(token)}`;

export class CodesPanel {
  element;
  #isPublic = false;
  #name = '';
  #made = make('div', { class: 'made' });

  /**
   * @param {object} parts
   * @param {import('./call.js').Call} parts.call
   * @param {string} parts.room
   * @param {string} [parts.origin] where phones reach the relay
   * @param {() => number} [parts.now]
   * @param {() => void} [parts.print]
   */
  constructor({ call, room, origin = location.origin, now = Date.now, print = () => window.print() }) {
    const readers = tickField({ name: 'readers', label: 'For readers' });
    const microphone = tickField({ name: 'microphone', label: 'For a stand-in microphone (staff)' });
    const fresh = tickField({
      name: 'fresh',
      label: 'Readers get a fresh token',
      hint: 'Needed unless anyone may read the room. It can be revoked under Tokens, then the printed code opens nothing',
    });
    const until = momentField({
      name: 'expires',
      label: 'The microphone’s code is valid until',
      hint: 'Whoever has it can speak in this room’s captions, and that costs money',
    });
    const language = choiceField({
      name: 'sheetLanguage',
      label: 'Language of the sheet',
      options: [
        ['en', 'English'],
        ['it', 'Italiano'],
      ],
    });
    readers.put(true);
    fresh.put(true);
    until.put(now() + 2 * dayMs);
    /** @param {string} right @param {string} label @param {number | null} expires */
    const tokenFor = async (right, label, expires) => {
      /** @type {{ token: string }} */
      const { token } = await call('POST', `/api/rooms/${room}/tokens`, {
        right,
        label,
        ...(expires === null ? {} : { expires: new Date(expires).toISOString() }),
      });
      return token;
    };
    const form = new Form({
      fields: [readers, fresh, microphone, until, language],
      button: 'Make the sheet',
      places: { 'token-past': 'expires' },
      act: async () => {
        if (!readers.read() && !microphone.read()) return readers.fail('Choose at least one of the codes.');
        if (readers.read() && !fresh.read() && !this.#isPublic)
          return fresh.fail('This room needs a token to be read. Tick this, or let anyone read it under Settings.');
        const expires = until.read();
        if (microphone.read() && expires === null)
          return until.fail('Say until when: a code on paper is soon forgotten.');
        if (microphone.read() && expires !== null && expires <= now()) return until.fail('This is in the past.');
        /** @type {import('./sheet.js').SheetPage[]} */
        const pages = [];
        if (readers.read()) {
          const token = fresh.read() ? await tokenFor('read', 'Printed code for readers', null) : '';
          pages.push({ kind: 'readers', address: readersPage(origin, room, token), until: null });
        }
        if (microphone.read() && expires !== null) {
          const token = await tokenFor('publish', 'Printed code for a stand-in microphone', expires);
          pages.push({ kind: 'microphone', address: microphonePage(origin, room, token), until: expires });
        }
        const made = sheet(this.#name, language.read() === 'it' ? 'it' : 'en', pages);
        this.#made.replaceChildren(button('Print', print, { class: 'main' }), made);
        return 'The sheet stands below. Its tokens are shown this once.';
      },
    });
    this.element = make('div', {}, form.element, this.#made);
    if (isOnlyHere(new URL(origin).host))
      form.element.before(
        make(
          'p',
          { class: 'warning' },
          `This page was opened as ${origin}, which no phone can open. Open it by the address that phones use, then make the sheet.`,
        ),
      );
  }

  /** @param {{ name: string, public: boolean }} view */
  update(view) {
    this.#name = view.name;
    this.#isPublic = view.public;
  }
}
