// @ts-check
/** What needs somebody, in one place above the wall: the relay's own alarms, and those of rooms, the same of several as one. */
import { make } from '../make.js';
import { put } from './words.js';

/** @import { Alarm, RoomView } from './live.js' */

const shownRooms = 4;
const shownAlarms = 5;

/**
 * @typedef {Alarm & { rooms: { room: string, name: string }[] }} Shared an alarm, and the rooms that have it; none: the relay's own
 */

/** Alarms of all rooms, the same words as one. @param {RoomView[]} views @param {Alarm[]} relay @returns {Shared[]} */
export function gathered(views, relay) {
  /** @type {Map<string, Shared>} */
  const found = new Map(relay.map((alarm) => [`relay ${alarm.code}`, { ...alarm, rooms: [] }]));
  for (const { room, name, alarms } of views)
    for (const alarm of alarms) {
      const key = `${alarm.code} ${alarm.severity} ${alarm.message}`;
      const shared = found.get(key) ?? { ...alarm, rooms: [] };
      shared.rooms.push({ room, name });
      found.set(key, shared);
    }
  const rank = (/** @type {Shared} */ { severity, rooms }) =>
    (severity === 'fault' ? 0 : 2) + (rooms.length > 0 ? 1 : 0);
  return [...found.values()].sort((a, b) => rank(a) - rank(b));
}

export class Summary {
  #headline;
  #list;
  #section;
  #shown = '';

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#section = section;
    this.#headline = make('p', { class: 'headline', role: 'status' });
    this.#list = make('ul');
    section.append(this.#headline, this.#list);
  }

  /**
   * @param {RoomView[]} views @param {Alarm[]} relay @param {boolean} isOld nobody knows whether it is still so
   * @returns {number} how many rooms have a fault, the relay counting as one
   */
  show(views, relay, isOld) {
    const alarms = gathered(views, relay);
    const isFault = (/** @type {Alarm} */ { severity }) => severity === 'fault';
    const faulty = views.filter((view) => view.alarms.some(isFault));
    const watched = views.filter((view) => view.alarms.length > 0 && !view.alarms.some(isFault));
    const faults = faulty.length + (relay.some(isFault) ? 1 : 0);
    const severity = faults > 0 ? 'fault' : alarms.length > 0 ? 'warning' : 'on';
    this.#section.dataset.severity = isOld ? 'off' : severity;
    const words = headline(faulty.length, watched.length, relay, views.length);
    put(this.#headline, isOld ? `When the relay was heard last: ${words}` : words);
    const shown = JSON.stringify(alarms);
    if (shown === this.#shown) return faults;
    this.#shown = shown;
    const rest = alarms.length - shownAlarms;
    this.#list.replaceChildren(
      ...alarms.slice(0, shownAlarms).map(itemOf),
      ...(rest > 0 ? [make('li', {}, `and ${rest} more on the cards below`)] : []),
    );
    this.#list.hidden = alarms.length === 0;
    return faults;
  }
}

/** @param {number} faulty @param {number} watched @param {Alarm[]} relay @param {number} all */
function headline(faulty, watched, relay, all) {
  if (all === 0) return 'There are no rooms yet: make one under Event.';
  const rooms = (/** @type {number} */ n) => (n === 1 ? '1 room' : `${n} rooms`);
  const parts = [
    ...(faulty > 0 ? [`${rooms(faulty)} ${faulty === 1 ? 'needs' : 'need'} you`] : []),
    ...(relay.some(({ severity }) => severity === 'fault') ? ['the relay needs you'] : []),
    ...(watched > 0 ? [`${rooms(watched)} to watch`] : []),
  ];
  if (parts.length === 0)
    return relay.length > 0 ? 'Rooms are well; the relay is to watch' : `All is well in ${rooms(all)}`;
  const [first = '', ...others] = parts;
  return [first.charAt(0).toUpperCase() + first.slice(1), ...others].join(' · ');
}

/** @param {Shared} shared */
function itemOf({ severity, message, hint, rooms }) {
  const links = rooms
    .slice(0, shownRooms)
    .flatMap(({ room, name }, i) => [...(i > 0 ? [', '] : []), make('a', { href: `#room-${room}` }, name)]);
  const more = rooms.length > shownRooms ? [` and ${rooms.length - shownRooms} more`] : [];
  return make(
    'li',
    { 'data-severity': severity },
    make('span', { class: 'who' }, ...(rooms.length > 0 ? [...links, ...more] : ['The relay']), ': '),
    make('strong', {}, message),
    ' ',
    make('span', { class: 'hint' }, hint),
  );
}
