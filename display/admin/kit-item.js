// @ts-check
/** One kit in the list: what it is, how it is, and what can be done with it. */
import { make } from '../make.js';
import { button, sureButton } from './press.js';
import { momentIn } from './times.js';
import { ago, put } from './words.js';

/**
 * @typedef {{ state: string, message: string, hint?: string | undefined,
 *   page?: { beatAgeMs: number | null, shows: string } | undefined,
 *   machine?: { power?: { low: boolean } | undefined } | undefined }} KitHealth
 * @typedef {{ name: string, kind: 'device' | 'display' | 'solo', label: string, room: string | null,
 *   state: 'new' | 'online' | 'offline', enrolment: { expires: number } | null, connectedMs: number | null, seen: number | null,
 *   version: string | null, idle: boolean, health: KitHealth | null, healthAt: number | null,
 *   update: { version: string, state: string, message: string } | null }} KitView
 * @typedef {{ assign: (kit: string, room: string) => unknown, identify: (kit: string) => unknown, renew: (kit: string) => unknown,
 *   revoke: (kit: string) => unknown }} KitActs
 */

const kinds = { device: 'sound', display: 'screen', solo: 'sound and screen' };
const states = { new: 'Not enrolled yet', online: 'Connected', offline: 'Not connected' };
/** As for the alarms: a page that did not paint for so long stands still. */
const maxBeatAgeMs = 15_000;

/** What needs somebody; empty where nothing does. @param {KitView} kit */
function fault({ state, health }) {
  if (state !== 'online' || !health) return '';
  const { page, message, hint = '' } = health;
  if (page && (page.beatAgeMs === null || page.beatAgeMs > maxBeatAgeMs)) return 'Its screen stands still.';
  if (health.machine?.power?.low) return 'It gets too little power.';
  return health.state === 'ok' || health.state === 'starting' ? '' : `${message}. ${hint}`;
}

/** @param {KitView} kit @param {number} now */
function facts({ kind, label, version, state, seen, connectedMs, enrolment, health, update, idle }, now) {
  const page = state === 'online' ? health?.page : undefined;
  return [
    `${kinds[kind]} kit`,
    label,
    version && `Sala ${version}`,
    connectedMs !== null && `for ${ago(connectedMs)}`,
    state === 'offline' && (seen === null ? 'never seen' : `last seen ${ago(now - seen)} ago`),
    enrolment && `its card is good until ${momentIn(enrolment.expires)}`,
    page && page.beatAgeMs !== null && `page painted ${ago(page.beatAgeMs)} ago: ${page.shows}`,
    update && `update to ${update.version}: ${update.message || update.state}`,
    state === 'online' && idle && 'room at rest',
  ]
    .filter(Boolean)
    .join(' · ');
}

export class KitItem {
  element;
  #state = make('span', { class: 'kit-state' });
  #facts = make('small');
  #fault = make('p', { class: 'warning', hidden: '' });
  #rooms = make('select');
  #assign;
  #identify;
  /** @type {string | null} */
  #room = null;
  /** The choice as it was made last. */
  #offered = '';

  /** @param {string} name @param {KitActs} acts */
  constructor(name, acts) {
    this.#rooms.setAttribute('aria-label', `Room of ${name}`);
    this.#rooms.addEventListener('change', () => this.#arm());
    this.#assign = button(
      'Assign',
      async () => {
        await acts.assign(name, this.#rooms.value);
        this.#arm();
      },
      { 'aria-label': `Assign ${name} to the chosen room`, class: 'main', hidden: '' },
    );
    this.#identify = button('Identify', () => acts.identify(name), {
      'aria-label': `Identify ${name}`,
      hidden: '',
    });
    const renew = button('New card', () => acts.renew(name), {
      'aria-label': `New card for ${name}`,
    });
    const revoke = sureButton({
      text: 'Revoke',
      sure: 'Revoke now?',
      label: `Revoke ${name}`,
      act: () => acts.revoke(name),
    });
    this.element = make(
      'li',
      { 'data-kit': name, class: 'kit' },
      make('div', {}, make('strong', {}, name), ' ', this.#state, this.#facts, this.#fault),
      make('div', { class: 'kit-room' }, this.#rooms, this.#assign),
      make('div', { class: 'buttons' }, this.#identify, renew, revoke),
    );
  }

  /** @param {KitView} kit @param {readonly { room: string, name: string }[]} rooms @param {number} now */
  update(kit, rooms, now) {
    this.element.dataset.state = kit.state;
    put(this.#state, states[kit.state]);
    put(this.#facts, facts(kit, now));
    const words = fault(kit);
    put(this.#fault, words);
    this.#fault.hidden = words === '';
    this.#identify.hidden = kit.state !== 'online';
    this.#offer(kit.room, rooms);
  }

  /** The rooms to choose from. A choice that somebody is about to make stays. @param {string | null} room @param {readonly { room: string, name: string }[]} rooms */
  #offer(room, rooms) {
    const isChoosing = this.#rooms.value !== (this.#room ?? '') && this.#offered !== '';
    const offered = JSON.stringify([room === null, rooms.map(({ room: each, name }) => [each, name])]);
    const chosen = isChoosing ? this.#rooms.value : (room ?? '');
    this.#room = room;
    if (offered !== this.#offered) {
      this.#offered = offered;
      this.#rooms.replaceChildren(
        ...(room === null ? [make('option', { value: '' }, 'No room: choose one')] : []),
        ...rooms.map(({ room: value, name }) => make('option', { value, dir: 'auto' }, name)),
      );
    }
    this.#rooms.value = chosen;
    if (this.#rooms.value !== chosen) this.#rooms.value = room ?? '';
    this.#arm();
  }

  /** One press is enough, once another room is chosen. */
  #arm() {
    this.#assign.hidden = this.#rooms.value === '' || this.#rooms.value === this.#room;
  }
}
