// @ts-check
/** Rooms of the event: made, and deleted by typing their names. */
import { make } from '../make.js';
import { ApiError, wordsOf } from './call.js';
import { textField } from './fields.js';
import { Form } from './form.js';
import { languageAttributes } from './languages.js';
import { place } from './place.js';
import { button } from './press.js';

/** @typedef {{ room: string, name: string, language: string }} Room */

/** @param {Room} room */
const shownOf = ({ room, name, language }) => JSON.stringify([room, name, language]);

/** What people call a room, as an address takes it: "Sala Verdi" becomes `sala-verdi`. @param {string} title */
export const roomNameFor = (title) =>
  title
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);

export class RoomsPanel {
  element;
  #call;
  #list = make('ul', { class: 'items' });
  #said = make('p', { class: 'said', role: 'status' });

  /** @param {{ call: import('./call.js').Call }} parts */
  constructor({ call }) {
    this.#call = call;
    const title = textField({
      name: 'name',
      label: 'Name',
      hint: 'What people call the room',
      attributes: { maxlength: '200' },
    });
    const room = textField({
      name: 'room',
      label: 'Name in addresses',
      hint: 'a-z, 0-9 and hyphens. It cannot be changed later',
      attributes: { maxlength: '64', autocapitalize: 'none', spellcheck: 'false' },
    });
    const language = textField({
      name: 'language',
      label: 'Language',
      hint: 'Empty: as the relay is told',
      nullable: true,
      attributes: languageAttributes(),
    });
    let isOwn = false; // the name in addresses was typed, not made of the other
    title.control.addEventListener('input', () => {
      if (!isOwn) room.type(roomNameFor(String(title.read())));
    });
    room.control.addEventListener('input', () => {
      isOwn = room.read() !== '';
    });
    const form = new Form({
      fields: [title, room, language],
      button: 'Make the room',
      act: async () => {
        const name = String(room.read());
        if (!name) return room.fail('The room needs a name of a-z, 0-9 and hyphens.');
        const path = `/api/rooms/${encodeURIComponent(name)}`;
        if (await this.#exists(path)) return room.fail('There is a room of this name already.');
        const tag = language.read();
        /** @type {Room} */
        const view = await call('PUT', path, { name: title.read() || name, ...(tag ? { language: tag } : {}) });
        for (const field of [title, room, language]) field.put('');
        isOwn = false;
        await this.refresh();
        return `${view.name} is there. Make a token for its kit under its Tokens.`;
      },
    });
    this.element = make(
      'div',
      {},
      make('h3', {}, 'A new room'),
      form.element,
      make('h3', {}, 'The rooms'),
      this.#said,
      this.#list,
    );
  }

  /** @param {string} path */
  async #exists(path) {
    try {
      await this.#call('GET', path);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  }

  async refresh() {
    try {
      /** @type {{ rooms: Room[] }} */
      const { rooms } = await this.#call('GET', '/api/rooms');
      const known = new Map([...this.#list.children].map((item) => [item.getAttribute('data-room'), item]));
      // One that is about to be deleted stays as it is: somebody types in it.
      const items = rooms.map((view) => {
        const item = known.get(view.room);
        const isKept = item?.querySelector('form') || item?.getAttribute('data-shown') === shownOf(view);
        return item && isKept ? item : this.#item(view);
      });
      place(this.#list, items.length > 0 ? items : [make('li', {}, 'There are none yet.')]);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {unknown} message */
  #tell(message) {
    this.#said.textContent = message instanceof Error ? wordsOf(message) : String(message);
    this.#said.classList.toggle('error', message instanceof Error);
  }

  /** @param {Room} view */
  #item({ room, name, language }) {
    const ask = button(
      'Delete…',
      () => {
        const typed = textField({
          name: 'typed',
          label: `Type ${room} to delete it`,
          hint: 'Its tokens, captions, transcript and audio go with it, for good',
          attributes: { autocapitalize: 'none', spellcheck: 'false' },
        });
        const form = new Form({
          fields: [typed],
          button: 'Delete the room',
          act: async () => {
            if (typed.read() !== room) return typed.fail(`This is not ${room}.`);
            await this.#call('DELETE', `/api/rooms/${encodeURIComponent(room)}`);
            item.remove();
            this.#tell(`${name} is deleted.`);
            await this.refresh();
          },
        });
        const keep = button('Keep it', () => {
          item.replaceWith(this.#item({ room, name, language }));
        });
        item.append(form.element, keep);
        ask.remove();
        typed.control.focus();
      },
      { 'aria-label': `Delete ${name}…`, class: 'danger' },
    );
    const item = make(
      'li',
      { 'data-room': room, 'data-shown': shownOf({ room, name, language }) },
      make('div', {}, make('strong', { dir: 'auto' }, name), make('small', {}, `${room} · ${language}`)),
      ask,
    );
    return item;
  }
}
