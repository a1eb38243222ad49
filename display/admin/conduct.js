// @ts-check
/** The running of a room's talks while they run late: hold, advance, extend, each by one press. */
import { make } from '../make.js';
import { wordsOf } from './call.js';
import { button } from './press.js';
import { momentIn } from './times.js';

const extendMinutes = 10;

/**
 * @typedef {{ id: string, title: string }} OnTalk
 * @typedef {{ talk: OnTalk | null, held: boolean, until: number | null, next?: (OnTalk & { start: number }) | null, message?: string }} Conducted
 *   `message`: why the talk's language could not be assigned
 */

export class Conduct {
  element;
  #call;
  #path;
  #now = make('p', { class: 'now' });
  #next = make('p', { class: 'hint' });
  #fault = make('p', { class: 'error', hidden: '' });
  #said = make('p', { class: 'said', role: 'status' });

  /** @param {{ call: import('./call.js').Call, room: string }} parts */
  constructor({ call, room }) {
    this.#call = call;
    this.#path = `/api/rooms/${room}/conduct`;
    this.element = make(
      'section',
      { 'aria-label': 'What is on', class: 'conduct' },
      this.#now,
      this.#fault,
      this.#next,
      make(
        'div',
        { class: 'buttons' },
        button('Hold this talk', () => this.#act('hold', 'It stays on until you go on to the next talk.')),
        button('Next talk now', () => this.#act('advance', 'The next talk is on, with its language.')),
        button(`${extendMinutes} minutes more`, () =>
          this.#act('extend', `It goes on ${extendMinutes} minutes longer.`, { minutes: extendMinutes }),
        ),
      ),
      this.#said,
    );
  }

  async refresh() {
    try {
      this.update(await this.#call('GET', this.#path));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {Conducted} conducted */
  update({ talk, held, until, next = null, message = '' }) {
    const to = until === null ? '' : `, until ${momentIn(until)}`;
    tell(this.#now, talk ? `On now: ${talk.title}${held ? ', held until you go on' : to}` : 'No talk is on.');
    tell(this.#fault, message);
    this.#fault.hidden = message === '';
    tell(this.#next, next ? `Next: ${next.title}, ${momentIn(next.start)}` : '');
  }

  /** @param {string} act @param {string} done @param {object} [more] */
  async #act(act, done, more = {}) {
    try {
      this.update(await this.#call('POST', this.#path, { act, ...more }));
      this.#said.textContent = done;
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

/** @param {HTMLElement} element @param {string} text */
function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
