// @ts-check
/** The talks of a room: what is on, and the schedule, to be changed by hand. */
import { make } from '../make.js';
import { Conduct } from './conduct.js';
import { linesField, momentField, textField } from './fields.js';
import { Form } from './form.js';
import { languageAttributes } from './languages.js';
import { button, sureButton } from './press.js';
import { stretchIn, zone } from './times.js';

/**
 * @typedef {{ id: string, title: string, speakers: string[], language: string | null, start: number, end: number,
 *   source?: 'hand' | 'schedule' }} TalkView
 */

/** An id that nobody has to type. */
const newId = () => `talk-${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36)}`;

export class TalksPanel {
  element;
  #call;
  #path;
  #conduct;
  #form;
  #heading = make('h3', { tabindex: '-1' }, 'A new talk');
  #cancel = button('Leave it as it is', () => this.#edit(null));
  #list = make('ul', { class: 'items' });
  #said = make('p', { class: 'said', role: 'status' });
  /** The id of the talk in the form; null: a new one. @type {string | null} */
  #edited = null;
  /** The list as it was read last, and what was on then. */
  #shown = '';
  #on = '';
  #fields = [
    textField({ name: 'title', label: 'Title', attributes: { maxlength: '300' } }),
    linesField({ name: 'speakers', label: 'Speakers', hint: 'One a line' }),
    textField({
      name: 'language',
      label: 'Language',
      hint: 'Empty: the room’s stays as it is',
      nullable: true,
      attributes: languageAttributes(),
    }),
    momentField({ name: 'start', label: 'Begins', hint: `By this device’s clock (${zone()})` }),
    momentField({ name: 'end', label: 'Ends' }),
  ];

  /** @param {{ call: import('./call.js').Call, room: string }} parts */
  constructor({ call, room }) {
    this.#call = call;
    this.#path = `/api/rooms/${room}/talks`;
    this.#conduct = new Conduct({ call, room });
    this.#cancel.hidden = true;
    this.#form = new Form({
      fields: this.#fields,
      button: 'Save the talk',
      act: async () => {
        const [start, end] = this.#fields.slice(-2);
        if (start?.read() === null) return start.fail('Say when it begins.');
        if (end?.read() === null) return end.fail('Say when it ends.');
        const id = this.#edited ?? newId();
        /** @type {TalkView} */
        const talk = await call('PUT', `${this.#path}/${encodeURIComponent(id)}`, this.#form.values());
        if ((this.#edited ?? id) === id) this.#edit(null);
        await this.refresh();
        return `Saved: ${talk.title}`;
      },
    });
    this.element = make(
      'div',
      {},
      this.#conduct.element,
      make('h3', {}, 'The talks'),
      this.#said,
      this.#list,
      this.#heading,
      this.#form.element,
      this.#cancel,
    );
  }

  /** @param {{ conduct?: import('./conduct.js').Conducted }} view */
  update(view) {
    if (!view.conduct) return;
    this.#conduct.update(view.conduct);
    // Where another talk is on or comes next, the list may be another one.
    const on = JSON.stringify([view.conduct.talk, view.conduct.next]);
    if (on === this.#on) return;
    this.#on = on;
    if (!this.element.hidden && this.#shown !== '') void this.#read();
  }

  async refresh() {
    void this.#conduct.refresh();
    await this.#read();
  }

  /** The same list again stays as it is: somebody may be about to press in it. */
  async #read() {
    try {
      /** @type {{ talks: TalkView[] }} */
      const { talks } = await this.#call('GET', this.#path);
      const shown = JSON.stringify(talks);
      if (shown === this.#shown) return;
      this.#shown = shown;
      this.#list.replaceChildren(...talks.map((talk) => this.#item(talk)));
      if (talks.length === 0) this.#list.replaceChildren(make('li', {}, 'There are none yet.'));
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {TalkView | null} talk null: a new one */
  #edit(talk) {
    this.#edited = talk?.id ?? null;
    this.#cancel.hidden = talk === null;
    this.#heading.textContent = talk ? `Change: ${talk.title}` : 'A new talk';
    const values = new Map(Object.entries(talk ?? { speakers: [] }));
    for (const field of this.#fields) {
      field.put(values.get(field.name) ?? null);
      field.fail('');
    }
    if (talk) this.#heading.focus();
  }

  /** @param {TalkView} talk */
  #item(talk) {
    const { id, title, speakers, language, start, end, source } = talk;
    const facts = [
      stretchIn(start, end),
      ...speakers,
      ...(language ? [language] : []),
      ...(source === 'schedule' ? ['of the schedule'] : []),
    ];
    const out = sureButton({
      text: 'Delete',
      sure: 'Delete now?',
      label: `Delete ${title}`,
      act: async () => {
        try {
          await this.#call('DELETE', `${this.#path}/${encodeURIComponent(id)}`);
          if (this.#edited === id) this.#edit(null);
          this.#tell(`${title} is out of the schedule. Its captions stay.`);
          await this.refresh();
        } catch (error) {
          this.#tell(error);
        }
      },
    });
    return make(
      'li',
      { 'data-talk': id },
      make('div', {}, make('strong', { dir: 'auto' }, title), make('small', {}, facts.join(' · '))),
      make(
        'div',
        { class: 'buttons' },
        button('Change', () => this.#edit(talk), { 'aria-label': `Change ${title}` }),
        out,
      ),
    );
  }

  /** @param {unknown} message */
  #tell(message) {
    this.#said.textContent = message instanceof Error ? message.message : String(message);
    this.#said.classList.toggle('error', message instanceof Error);
  }
}
