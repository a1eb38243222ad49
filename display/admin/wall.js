// @ts-check
/** A card for every room, the one with a fault first. */
import { Card, severityOf } from './card.js';

/** @import { RoomView } from './live.js' */
/** @import { Severity } from './card.js' */

/** Cards do not move so soon after a touch: the next one was aimed at what stands there. */
const touchedMs = 500;

/** @type {Record<Severity, number>} */
const ranks = { fault: 0, warning: 1, on: 2, off: 3 };

export class Wall {
  #list;
  #parts;
  #now;
  /** @type {Map<string, Card>} */
  #cards = new Map();
  /** The order of cards as it was last looked at: they move only when this changes. */
  #order = '';
  #touchedAt = Number.NEGATIVE_INFINITY;
  #isPressed = false;

  /**
   * @param {HTMLElement} list @param {ConstructorParameters<typeof Card>[1]} parts
   * @param {() => number} [now] monotonic, ms
   */
  constructor(list, parts, now = () => performance.now()) {
    this.#list = list;
    this.#parts = parts;
    this.#now = now;
    const touched = (/** @type {boolean | undefined} */ isPressed) => {
      this.#touchedAt = this.#now();
      setTimeout(() => this.#place(), touchedMs + 1); // what waited for this
      if (isPressed !== undefined) this.#isPressed = isPressed;
    };
    list.addEventListener('pointerdown', () => touched(true));
    for (const end of /** @type {const} */ (['pointerup', 'pointercancel']))
      window.addEventListener(end, () => this.#isPressed && touched(false));
    list.addEventListener('keydown', () => touched(undefined));
  }

  /** @returns {RoomView[]} in the order of the cards */
  get views() {
    return this.#sorted().map(({ view }) => view);
  }

  /** @param {string} room */
  view(room) {
    return this.#cards.get(room)?.view;
  }

  /** @param {RoomView[]} views @param {string[]} gone */
  show(views, gone) {
    for (const name of gone) {
      this.#cards.get(name)?.element.remove();
      this.#cards.delete(name);
    }
    for (const view of views) {
      const card = this.#cards.get(view.room);
      if (card) card.update(view);
      else this.#cards.set(view.room, new Card(view, this.#parts));
    }
    this.#place();
  }

  /** @param {Record<string, number>} levels */
  levels(levels) {
    for (const [room, db] of Object.entries(levels)) this.#cards.get(room)?.level(db);
  }

  /** Once a second, and after what changed: ages go on, and cards that waited for a finger move. @param {number} roomTime */
  tick(roomTime) {
    for (const card of this.#cards.values()) card.tick(roomTime);
    this.#place();
  }

  /** The line is lost: levels say nothing any more. */
  rest() {
    for (const card of this.#cards.values()) card.mute();
  }

  #sorted() {
    return [...this.#cards.values()].sort(
      (a, b) =>
        ranks[severityOf(a.view)] - ranks[severityOf(b.view)] ||
        a.view.name.localeCompare(b.view.name, undefined, { numeric: true }) ||
        (a.view.room < b.view.room ? -1 : 1),
    );
  }

  #place() {
    const cards = this.#sorted();
    const order = cards.map(({ view }) => view.room).join();
    if (order === this.#order) return;
    const isNew = cards.filter(({ element }) => !element.isConnected);
    if (isNew.length < cards.length && (this.#isPressed || this.#now() - this.#touchedAt < touchedMs)) {
      this.#list.append(...isNew.map(({ element }) => element));
      return;
    }
    this.#order = order;
    // The one somebody is in is not moved, the others are moved around it: it keeps the focus and what is typed.
    const elements = cards.map(({ element }) => element);
    const at = elements.findIndex((each) => each.contains(document.activeElement));
    const [before, after] = at < 0 ? [[], elements] : [elements.slice(0, at), elements.slice(at + 1)];
    for (const each of before) this.#list.insertBefore(each, elements[at] ?? null);
    this.#list.append(...after);
  }
}
