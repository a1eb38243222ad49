// @ts-check
/** A room on the wall: how it is at a glance, and what is done most often. */
import { make } from '../make.js';
import { actButtons } from './acts.js';
import { languageAttributes } from './languages.js';
import { ago, put } from './words.js';

/** @import { RoomView } from './live.js' */
/** @import { Call } from './call.js' */

/** The left end of the meters, dBFS. */
const quietestDb = -75;
/** Of the last words: about two lines. */
const maxCharacters = 90;

/** What a room does, in a word or two. @type {Record<string, string>} */
const states = {
  waiting: 'Waiting',
  listening: 'Captions on',
  resting: 'Nobody speaks',
  'no-audio': 'No sound',
  offline: 'Offline',
  delayed: 'Delayed',
  'catching-up': 'Catching up',
  capacity: 'Waits for the service',
  paused: 'Paused',
  fault: 'No captions',
};

/** In these all seems well. */
const calm = ['listening', 'resting', 'waiting', 'catching-up'];

/** @typedef {'fault' | 'warning' | 'on' | 'off'} Severity */

/** What a room needs: a person now, a person soon, nobody, or it is not in use. @param {RoomView} view @returns {Severity} */
export function severityOf({ alarms, live }) {
  if (alarms.some(({ severity }) => severity === 'fault')) return 'fault';
  if (alarms.length > 0) return 'warning';
  return live.source ? 'on' : 'off';
}

export class Card {
  element;
  /** @type {RoomView} */
  view;
  #state = make('strong', { class: 'state' });
  #name = make('button', { type: 'button', class: 'name' });
  #alarms = make('ul', { class: 'alarms' });
  #meter = make('meter', { min: String(quietestDb), max: '0', optimum: '0' });
  #db = make('span', { class: 'db' });
  #words = make('p', { class: 'words', dir: 'auto' });
  #spoken = make('span', { class: 'quiet' });
  #talk = make('p', { class: 'talk' });
  #facts = make('ul', { class: 'facts' });
  /** By what they tell of. @type {Map<string, HTMLElement>} */
  #values = new Map();
  #language = make('input', languageAttributes());
  #paused;

  /** @param {RoomView} view @param {{ call: Call, tell: (message: unknown) => void, open: (room: string) => void }} parts */
  constructor(view, { call, tell, open }) {
    const { room, name } = view;
    this.view = view;
    this.#name.addEventListener('click', () => open(room));
    const { group, update } = actButtons({ room, name, call, tell, open: () => open(room) });
    this.#paused = update;
    this.#meter.setAttribute('aria-label', `Sound of ${name}`);
    this.#language.setAttribute('aria-label', `Language of ${name}`);
    this.#language.value = view.language;
    this.element = make(
      'li',
      { class: 'card', id: `room-${room}`, 'data-room': room },
      make('div', { class: 'head' }, make('h2', {}, this.#name), this.#state),
      this.#alarms,
      make('div', { class: 'sound' }, this.#meter, this.#db),
      this.#talk,
      this.#words,
      this.#facts,
      make('div', { class: 'deeds' }, this.#languageForm(call, tell), group),
    );
    this.update(view);
  }

  /** @param {Call} call @param {(message: unknown) => void} tell */
  #languageForm(call, tell) {
    const button = make('button', {}, 'Assign');
    const form = make('form', { class: 'language' }, this.#language, button);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        /** @type {RoomView} */
        const view = await call('PUT', `/api/rooms/${this.view.room}/language`, {
          language: this.#language.value.trim(),
        });
        this.#language.value = view.language;
        this.view = { ...this.view, language: view.language };
        tell(`${view.name} is captioned in ${view.language} from now on.`);
      } catch (error) {
        tell(error);
      }
      button.disabled = false;
    });
    return form;
  }

  /** @param {RoomView} view */
  update(view) {
    const before = this.view;
    this.view = view;
    const { name, live, alarms, paused, readers } = view;
    const severity = severityOf(view);
    this.element.dataset.severity = severity;
    this.element.dataset.state = live.state;
    put(this.#name, name);
    // An alarm may know sooner than readers are told.
    const isCalm = severity === 'fault' && calm.includes(live.state);
    put(this.#state, isCalm ? 'Needs you' : (states[live.state] ?? live.state));
    this.#state.title = live.message;
    this.#showAlarms(alarms);
    const { thresholdDb } = live.rest;
    if (thresholdDb !== null) this.#meter.low = this.#meter.high = thresholdDb;
    const isAway = live.state === 'offline' || live.state === 'waiting';
    if (isAway || before === view) this.level(isAway ? quietestDb : live.rest.levelDb);
    put(this.#talk, talkOf(view));
    this.#fact('connection', connectionOf(view));
    this.#fact('lag', `${(live.lagMs / 1000).toFixed(1)} s behind`, live.lagMs > 5000);
    this.#fact('backlog', live.backlogMs >= 1000 ? `${ago(live.backlogMs)} still in the kit` : '');
    this.#fact('backfill', live.backfillMs >= 1000 ? `${ago(live.backfillMs)} being filled in` : '');
    this.#fact('engine', [live.engine.name, live.engine.state].filter(Boolean).join(' '));
    this.#fact('readers', readers === 1 ? '1 reader' : `${readers} readers`);
    this.#fact('cost', live.spent.seconds > 0 ? `${live.spent.money.toFixed(2)} today` : '');
    // What is being typed stays.
    const isTyped = this.#language.value !== before.language && document.activeElement === this.#language;
    if (!isTyped && before.language !== view.language) this.#language.value = view.language;
    this.#paused(paused);
  }

  /** How loud it is. @param {number} db dBFS */
  level(db) {
    this.#meter.value = db;
    const { thresholdDb } = this.view.live.rest;
    const speech = thresholdDb === null ? '' : ` · speech from ${Math.round(thresholdDb)} dB`;
    put(this.#db, db > quietestDb ? `${Math.round(db)} dB${speech}` : 'no sound');
    this.#meter.textContent = `${Math.round(db)} dB`;
  }

  /** Nobody knows how loud it is. */
  mute() {
    this.#meter.value = quietestDb;
    put(this.#db, '');
  }

  /** Ages go on. @param {number} roomTime */
  tick(roomTime) {
    const { lastWords, alarms } = this.view;
    if (lastWords) put(this.#spoken, `${ago(roomTime - lastWords.at)} ago: `);
    if (this.#words.dataset.text !== (lastWords?.text ?? '')) {
      this.#words.dataset.text = lastWords?.text ?? '';
      this.#words.replaceChildren(...(lastWords ? [this.#spoken, endOf(lastWords.text)] : []));
    }
    for (const [i, { since }] of alarms.entries()) {
      const time = this.#alarms.children[i]?.querySelector('.since');
      if (time) put(time, `for ${ago(roomTime - since)}`);
    }
  }

  /** @param {import('./live.js').Alarm[]} alarms */
  #showAlarms(alarms) {
    const shown = JSON.stringify(alarms);
    if (this.#alarms.dataset.shown === shown) return;
    this.#alarms.dataset.shown = shown;
    this.#alarms.hidden = alarms.length === 0;
    this.#alarms.replaceChildren(
      ...alarms.map(({ severity, message, hint, code }) =>
        make(
          'li',
          { 'data-severity': severity, 'data-code': code },
          make('strong', {}, message),
          ' ',
          make('span', { class: 'since' }),
          make('span', { class: 'hint' }, hint),
        ),
      ),
    );
  }

  /** Facts that say nothing take no room. @param {string} name @param {string} text @param {boolean} [isBad] */
  #fact(name, text, isBad = false) {
    let value = this.#values.get(name);
    if (!value) {
      value = make('li', { 'data-fact': name });
      this.#values.set(name, value);
      this.#facts.append(value);
    }
    put(value, text);
    value.classList.toggle('bad', isBad);
    value.hidden = text === '';
  }
}

/** The newest of it, from a word on. @param {string} text */
function endOf(text) {
  const end = text.slice(-maxCharacters);
  return end === text ? text : `…${end.slice(Math.max(0, end.indexOf(' ')))}`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** The talk that is on and until when, or the next one. @param {RoomView} view */
function talkOf({ talk, conduct }) {
  const next = conduct?.next;
  if (!talk) return next ? `Next, ${clock.format(next.start)}: ${next.title}` : '';
  const until = conduct?.held ? 'held until you go on' : `until ${clock.format(conduct?.until ?? talk.end)}`;
  return [talk.title, talk.speakers.join(', '), until].filter(Boolean).join(' · ');
}

/** @param {RoomView} view */
function connectionOf({ live: { source } }) {
  if (!source) return 'no kit';
  const rttMs = source.health?.uplink?.rttMs;
  return rttMs === undefined ? source.device : `${source.device}, ${rttMs} ms`;
}
