// @ts-check
/** What paid sessions have cost today. */
import { make } from '../make.js';
import { wordsOf } from './call.js';
import { button } from './press.js';

/**
 * @typedef {{ sessions: number, seconds: number, money: number }} Spending
 * @typedef {{ day: string, pricePerMinute: number, spent: Spending, alarm: { perDay: number | null, reached: boolean },
 *   limits: { perDay: number | null, perRoomAndDay: number | null },
 *   rooms: { room: string, spent: Spending, refusal: string | null }[] }} Costs
 */

/** @param {Spending} spent */
const cells = ({ sessions, seconds, money }) => [
  String(sessions),
  `${(seconds / 60).toFixed(1)} min`,
  money.toFixed(2),
];

export class CostsPanel {
  element;
  #call;
  #words = make('p');
  #rows = make('tbody');
  #said = make('p', { class: 'said', role: 'status' });

  /** @param {{ call: import('./call.js').Call }} parts */
  constructor({ call }) {
    this.#call = call;
    const head = ['Room', 'Sessions', 'Billed', 'Cost'].map((text) => make('th', { scope: 'col' }, text));
    this.element = make(
      'div',
      {},
      this.#words,
      make('table', {}, make('thead', {}, make('tr', {}, ...head)), this.#rows),
      make(
        'div',
        { class: 'buttons' },
        button('Count again', () => this.refresh()),
      ),
      this.#said,
    );
  }

  async refresh() {
    try {
      /** @type {Costs} */
      const { day, pricePerMinute, spent, alarm, limits, rooms } = await this.#call('GET', '/api/costs');
      const bounds = [
        alarm.perDay === null ? '' : `Alarm at ${alarm.perDay}${alarm.reached ? ': it is reached' : ''}.`,
        limits.perDay === null ? '' : `At most ${limits.perDay} a day.`,
        limits.perRoomAndDay === null ? '' : `At most ${limits.perRoomAndDay} a room and day.`,
      ];
      this.#words.textContent = [`Of ${day} (UTC), at ${pricePerMinute} a minute.`, ...bounds]
        .filter(Boolean)
        .join(' ');
      this.#rows.replaceChildren(
        ...rooms.map(({ room, spent: own, refusal }) => row(room, own, refusal)),
        row('All rooms', spent, null),
      );
      this.#said.textContent = '';
    } catch (error) {
      this.#said.textContent = wordsOf(error);
      this.#said.classList.add('error');
    }
  }
}

/** @param {string} name @param {Spending} spent @param {string | null} refusal */
const row = (name, spent, refusal) =>
  make(
    'tr',
    {},
    make('th', { scope: 'row' }, name, ...(refusal ? [make('small', {}, refusal)] : [])),
    ...cells(spent).map((text) => make('td', {}, text)),
  );
