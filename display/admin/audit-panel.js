// @ts-check
/** Who did what, the newest first. */
import { make } from '../make.js';
import { wordsOf } from './call.js';
import { choiceField } from './fields.js';
import { button } from './press.js';
import { momentIn } from './times.js';

const pageEntries = 50;

/**
 * @typedef {{ id: number | string, at: number, actor: string, address: string | null, act: string, room: string | null,
 *   detail: object }} Entry
 */

export class AuditPanel {
  element;
  #call;
  #list = make('ol', { class: 'items', 'aria-label': 'Acts, the newest first' });
  #more = button('Earlier ones', () => this.#load());
  #said = make('p', { class: 'said', role: 'status' });
  #room = choiceField({ name: 'room', label: 'Of', options: [['', 'all rooms and the relay']] });
  /** The oldest shown. @type {string | null} */
  #before = null;

  /** @param {{ call: import('./call.js').Call }} parts */
  constructor({ call }) {
    this.#call = call;
    this.#more.hidden = true;
    this.#room.control.addEventListener('input', () => void this.#begin());
    this.element = make(
      'div',
      {},
      this.#room.element,
      make(
        'div',
        { class: 'buttons' },
        button('Look again', () => this.#begin()),
      ),
      this.#list,
      this.#more,
      this.#said,
    );
  }

  async refresh() {
    await this.#begin();
    try {
      /** @type {{ rooms: { room: string, name: string }[] }} */
      const { rooms } = await this.#call('GET', '/api/rooms');
      const chosen = this.#room.read();
      for (const old of this.#room.control.querySelectorAll('option:not([value=""])')) old.remove();
      this.#room.control.append(...rooms.map(({ room, name }) => make('option', { value: room }, name)));
      this.#room.type(chosen);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #begin() {
    this.#before = null;
    await this.#load();
  }

  async #load() {
    const room = this.#room.read();
    const query = new URLSearchParams({
      limit: String(pageEntries),
      ...(this.#before === null ? {} : { before: this.#before }),
      ...(room ? { room } : {}),
    });
    const isFirst = this.#before === null;
    try {
      /** @type {{ entries: Entry[], truncated: boolean }} */
      const { entries, truncated } = await this.#call('GET', `/api/audit?${query}`);
      if (room !== this.#room.read()) return;
      if (isFirst) this.#list.replaceChildren();
      this.#list.append(...entries.map(itemOf));
      this.#before = String(entries.at(-1)?.id ?? this.#before ?? '');
      this.#more.hidden = !truncated;
      this.#said.textContent = isFirst && entries.length === 0 ? 'Nothing was done yet.' : '';
      this.#said.classList.remove('error');
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#said.textContent = wordsOf(error);
    this.#said.classList.add('error');
  }
}

/** @param {Entry} entry */
function itemOf({ at, actor, address, act, room, detail }) {
  const told = detailIn(detail);
  return make(
    'li',
    {},
    make('strong', {}, act, ...(room ? [` · ${room}`] : [])),
    make('small', {}, [momentIn(at), actor, address].filter(Boolean).join(' · ')),
    ...(told ? [make('small', { class: 'detail' }, told)] : []),
  );
}

/** `name: Sala Verdi, public: true`, one level deep. @param {object} detail */
const detailIn = (detail) =>
  Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
