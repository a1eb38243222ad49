// @ts-check
/** What the page shows. Text enters only as text. */
import { make } from '../make.js';
import { inWords } from './statements.js';

/** @import { Statement } from './statements.js' */

const maxEvents = 6;
const lowestDbfs = -60;

/**
 * @typedef {object} Shown
 * @property {Statement} statement
 * @property {boolean} isOn the microphone is on, or being switched on
 * @property {boolean} isEnding
 * @property {boolean} canStart
 * @property {boolean} canTakeOver
 * @property {boolean} canGoOn the browser stopped the microphone, and a press may start it again
 * @property {number} levelDbfs
 * @property {number} unstoredSeconds
 * @property {boolean} isReserve what is kept is only for the case that the other source fails
 * @property {number} maxSeconds
 * @property {readonly (readonly [name: string, value: string])[]} facts
 */

export class View {
  #document;
  /** @type {HTMLElement} */
  #state;
  #facts = '';
  #said = '';

  /** @param {Document} document @param {{ start: () => void, stop: () => void, takeOver: () => void, goOn: () => void }} acts */
  constructor(document, { start, stop, takeOver, goOn }) {
    this.#document = document;
    this.#state = this.#one('state');
    let isOn = false;
    this.#one('power').addEventListener('click', () => (isOn ? stop() : start()));
    this.#one('take-over').addEventListener('click', takeOver);
    this.#one('go-on').addEventListener('click', goOn);
    this.setOn = (/** @type {boolean} */ on) => {
      isOn = on;
    };
  }

  /** @param {string} room */
  title(room) {
    this.#one('room').textContent = room;
    this.#document.title = `Microphone: ${room}`;
  }

  /** @param {Shown} shown */
  show({
    statement,
    isOn,
    isEnding,
    canStart,
    canTakeOver,
    canGoOn,
    levelDbfs,
    unstoredSeconds,
    isReserve,
    maxSeconds,
    facts,
  }) {
    this.setOn(isOn);
    // Said anew to screen readers only where it is something else; seconds that pass are not.
    const said = `${statement.kind}\n${statement.message}`;
    if (said !== this.#said) {
      this.#said = said;
      this.#state.dataset.kind = statement.kind;
      this.#one('message').textContent = statement.message;
    }
    this.#set('hint', statement.hint);
    const power = /** @type {HTMLButtonElement} */ (this.#one('power'));
    power.disabled = isEnding || !(isOn || canStart);
    power.dataset.on = String(isOn);
    this.#set('power', isOn ? 'Stop' : isEnding ? 'Ending…' : 'Start');
    this.#one('take-over').hidden = !canTakeOver;
    this.#one('go-on').hidden = !canGoOn;
    const meter = /** @type {HTMLMeterElement} */ (this.#one('level'));
    meter.value = isOn ? Math.max(lowestDbfs, levelDbfs) : lowestDbfs;
    this.#set('level-words', isOn ? `${Math.max(lowestDbfs, Math.round(levelDbfs))} dB` : 'off');
    const bar = /** @type {HTMLMeterElement} */ (this.#one('kept'));
    bar.max = maxSeconds;
    bar.high = maxSeconds * 0.8;
    bar.value = unstoredSeconds;
    const kept = unstoredSeconds < 2 ? 'all sent' : `${inWords(unstoredSeconds)} wait to be sent`;
    this.#set('kept-words', isReserve ? `the last ${inWords(unstoredSeconds)}, in reserve` : kept);
    const list = JSON.stringify(facts);
    if (list === this.#facts) return;
    this.#facts = list;
    this.#one('facts').replaceChildren(
      ...facts.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]),
    );
  }

  /** Something that happened, with its time; the newest first, and only so many. @param {string} words @param {Date} at */
  happened(words, at) {
    const list = this.#one('events');
    const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
    list.prepend(make('li', {}, make('time', { datetime: at.toISOString() }, time), ` ${words}`));
    while (list.children.length > maxEvents) list.lastElementChild?.remove();
    this.#one('events-title').hidden = false;
  }

  /** @param {string} id @param {string} text */
  #set(id, text) {
    const element = this.#one(id);
    if (element.textContent !== text) element.textContent = text;
  }

  /** @param {string} id @returns {HTMLElement} */
  #one(id) {
    const element = this.#document.getElementById(id);
    if (!element) throw new Error(`the page has no #${id}`);
    return element;
  }
}
