// @ts-check
/** The conference's own schedule: how it stands, and which of its rooms is which of ours. */
import { make } from '../make.js';
import { sentences, wordsOf } from './call.js';
import { button, sureButton } from './press.js';
import { RoomMapping } from './room-mapping.js';
import { fetchTimeoutMs, ScheduleSource } from './schedule-source.js';
import { momentIn } from './times.js';

/**
 * @typedef {{ kind: 'url' | 'file', url?: string, everyMinutes?: number, format?: string, timeZone?: string,
 *   rooms: Record<string, string>, language?: string }} Source
 * @typedef {{ source: Source | null, talks: number, unmatched: string[], rooms: string[],
 *   state: { fetchedMs: number | null, lastGoodMs: number | null, message: string, hint: string,
 *     mistakes: { place: string, message: string, room: string | null }[], notes: string[] } }} ScheduleView
 * @typedef {{ room: string, name: string }} Room
 */

export class SchedulePanel {
  element;
  #call;
  #state = make('p');
  #facts = make('p', { class: 'hint' });
  #mistakes = make('ul', { class: 'items', 'aria-label': 'What is wrong with it' });
  #notes = make('ul', { class: 'items', 'aria-label': 'What was cut, left out or guessed' });
  #said = make('p', { class: 'said', role: 'status' });
  #acts = make('div', { class: 'buttons', hidden: '' });
  #fetch;
  #mapping;
  #form;
  /** @type {Source | null} */
  #source = null;
  /** @type {Room[]} */
  #rooms = [];

  /** @param {{ call: import('./call.js').Call }} parts */
  constructor({ call }) {
    this.#call = call;
    this.#mapping = new RoomMapping({
      save: async (rooms) => {
        this.#show(
          await call('PUT', '/api/schedule', { source: { ...this.#source, rooms } }, { timeoutMs: fetchTimeoutMs }),
        );
      },
    });
    this.#form = new ScheduleSource({
      call,
      rooms: () => this.#source?.rooms ?? {},
      taken: (view) => this.#show(view, true),
    });
    this.#fetch = button('Fetch now', () =>
      this.#act(async () => {
        this.#show(await call('POST', '/api/schedule/fetch', undefined, { timeoutMs: fetchTimeoutMs }));
        return 'Asked for. It stands above how it went.';
      }),
    );
    const takeOut = sureButton({
      text: 'Take the schedule out',
      sure: 'Take out now?',
      act: () =>
        this.#act(async () => {
          await call('DELETE', '/api/schedule');
          this.#show(await call('GET', '/api/schedule'));
          return 'The schedule and its talks are out. Talks made by hand stay.';
        }),
    });
    this.#acts.append(this.#fetch, takeOut);
    this.element = make(
      'div',
      {},
      this.#state,
      this.#facts,
      this.#mistakes,
      this.#notes,
      this.#acts,
      this.#said,
      this.#mapping.element,
      make('h3', {}, 'Where it is'),
      this.#form.element,
    );
  }

  async refresh() {
    try {
      /** @type {[ScheduleView, { rooms: Room[] }]} */
      const [view, { rooms }] = await Promise.all([
        this.#call('GET', '/api/schedule'),
        this.#call('GET', '/api/rooms'),
      ]);
      this.#rooms = rooms;
      this.#show(view);
      this.#tell('');
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {ScheduleView} view @param {boolean} [wasSent] it is the answer to what was sent */
  #show({ source, state, talks, unmatched, rooms: names }, wasSent = false) {
    this.#source = source;
    this.#acts.hidden = source === null;
    this.#fetch.hidden = source?.kind !== 'url';
    const isFault = state.message !== '';
    this.#state.className = source && isFault ? 'error' : '';
    this.#state.textContent = !source
      ? 'There is no schedule: talks are made by hand, in each room.'
      : isFault
        ? sentences(state.message, state.hint)
        : `Rooms follow the schedule: ${talks === 1 ? 'one talk' : `${talks} talks`}.`;
    const facts = [
      ...(isFault ? [`${talks} talks of the last good one hold`] : []),
      ...(state.fetchedMs ? [`asked for last on ${momentIn(state.fetchedMs)}`] : []),
      ...(state.lastGoodMs ? [`good on ${momentIn(state.lastGoodMs)}`] : []),
    ];
    this.#facts.textContent = source ? facts.join(' · ') : '';
    this.#mistakes.replaceChildren(
      ...state.mistakes.map(({ place, message, room }) => item(message, room ? `${place} (${room})` : place)),
    );
    this.#notes.replaceChildren(...state.notes.map((note) => item(note, '')));
    for (const list of [this.#mistakes, this.#notes]) list.hidden = list.children.length === 0;
    this.#mapping.show({ names, unmatched, mapped: source?.rooms ?? {}, rooms: this.#rooms });
    if (source) this.#form.settle(source, wasSent);
  }

  /** @param {() => Promise<string>} act */
  async #act(act) {
    try {
      this.#tell(await act());
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

/** @param {string} text @param {string} place */
const item = (text, place) => make('li', {}, make('div', {}, text, ...(place ? [make('small', {}, place)] : [])));
