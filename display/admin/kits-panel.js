// @ts-check
/** The kits of the event: how they are, which room each serves, what lets them in. */
import { make } from '../make.js';
import { wordsOf } from './call.js';
import { choiceField, textField } from './fields.js';
import { Form } from './form.js';
import { KitItem } from './kit-item.js';
import { KitRelease } from './kit-release.js';
import { place } from './place.js';
import { secret } from './secret.js';

/** @import { KitView } from './kit-item.js' */

const askEveryMs = 2000;
const path = '/api/kits';

export class KitsPanel {
  element;
  #call;
  #now;
  #list = make('ul', { class: 'items kits' });
  #none = make('p', { hidden: '' }, 'There are none yet.');
  #said = make('p', { class: 'said', role: 'status' });
  #shown = make('div');
  #release;
  #room;
  /** @type {{ room: string, name: string }[]} */
  #rooms = [];
  /** @type {Map<string, KitItem>} */
  #items = new Map();
  #timer;

  /** @param {{ call: import('./call.js').Call, now?: () => number }} parts */
  constructor({ call, now = Date.now }) {
    this.#call = call;
    this.#now = now;
    this.#release = new KitRelease({ call });
    const name = textField({
      name: 'name',
      label: 'Name',
      hint: 'As on its case: a-z, 0-9 and hyphens',
      attributes: { maxlength: '63', autocapitalize: 'none', spellcheck: 'false' },
    });
    const kind = choiceField({
      name: 'kind',
      label: 'It is for',
      options: [
        ['device', 'The room’s sound'],
        ['display', 'The room’s screen'],
        ['solo', 'Both, with a relay of its own'],
      ],
    });
    this.#room = choiceField({ name: 'room', label: 'Room', options: [] });
    const label = textField({
      name: 'label',
      label: 'Label',
      hint: 'Where it stands',
      attributes: { maxlength: '200' },
    });
    const form = new Form({
      fields: [name, kind, this.#room, label],
      button: 'Make the kit',
      places: { 'kit-exists': 'name', 'room-unknown': 'room' },
      act: async () => {
        if (!name.read()) return name.fail('The kit needs a name.');
        if (!this.#room.read()) return this.#room.fail('Make a room first, under Rooms.');
        /** @type {{ token: string }} */
        const { token } = await call('POST', path, {
          name: name.read(),
          kind: kind.read(),
          room: this.#room.read(),
          label: label.read(),
        });
        this.#show(token, String(name.read()));
        for (const field of [name, label]) field.put('');
        await this.#ask();
      },
    });
    this.element = make(
      'div',
      {},
      this.#shown,
      this.#said,
      this.#list,
      this.#none,
      this.#release.element,
      make('h3', {}, 'A new one'),
      make('p', { class: 'hint' }, 'Many at once are made from an inventory, with “sala-kit enrol”.'),
      form.element,
    );
    this.#timer = setInterval(() => {
      if (!this.element.hidden && document.visibilityState === 'visible') void this.#ask();
    }, askEveryMs);
  }

  close() {
    clearInterval(this.#timer);
  }

  async refresh() {
    try {
      /** @type {{ rooms: { room: string, name: string }[] }} */
      const { rooms } = await this.#call('GET', '/api/rooms');
      this.#rooms = rooms.map(({ room, name }) => ({ room, name }));
      const { control } = this.#room;
      const chosen = control.value;
      control.replaceChildren(...this.#rooms.map(({ room, name }) => make('option', { value: room }, name)));
      if (this.#rooms.some(({ room }) => room === chosen)) control.value = chosen;
      await Promise.all([this.#ask(), this.#release.refresh()]);
    } catch (error) {
      this.#tell(error);
    }
  }

  async #ask() {
    try {
      /** @type {{ kits: KitView[] }} */
      const { kits } = await this.#call('GET', path);
      if (this.#said.classList.contains('error')) this.#tell('');
      this.#items = new Map(kits.map(({ name }) => [name, this.#items.get(name) ?? this.#item(name)]));
      for (const kit of kits) this.#items.get(kit.name)?.update(kit, this.#rooms, this.#now());
      place(
        this.#list,
        [...this.#items.values()].map(({ element }) => element),
      );
      this.#none.hidden = kits.length > 0;
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {string} name */
  #item(name) {
    const of = `${path}/${encodeURIComponent(name)}`;
    /** @param {() => Promise<string>} act */
    const done = async (act) => {
      try {
        const words = await act();
        await this.#ask();
        this.#tell(words);
      } catch (error) {
        this.#tell(error);
      }
    };
    return new KitItem(name, {
      assign: (_, room) =>
        done(async () => {
          await this.#call('PUT', `${of}/room`, { room });
          const title = this.#rooms.find((each) => each.room === room)?.name ?? room;
          return `${name} serves ${title} now. What it heard before stays with the room it was heard in.`;
        }),
      identify: () =>
        done(async () => {
          await this.#call('POST', `${of}/identify`);
          return `${name} makes itself known for half a minute.`;
        }),
      renew: () =>
        done(async () => {
          /** @type {{ token: string }} */
          const { token } = await this.#call('POST', `${of}/enrolment`);
          this.#show(token, name);
          return `The next card of ${name} takes its place; until then the present one is good.`;
        }),
      revoke: () =>
        done(async () => {
          await this.#call('DELETE', of);
          return `${name} is revoked: its card opens nothing any more.`;
        }),
    });
  }

  /** @param {string} token @param {string} name */
  #show(token, name) {
    const { element, show } = secret({
      token,
      title: `Enrolment token for the card of ${name}`,
      address: null,
      done: () => this.#shown.replaceChildren(),
    });
    this.#shown.replaceChildren(element);
    show();
  }

  /** @param {unknown} message */
  #tell(message) {
    this.#said.textContent = message instanceof Error ? wordsOf(message) : String(message);
    this.#said.classList.toggle('error', message instanceof Error);
  }
}
