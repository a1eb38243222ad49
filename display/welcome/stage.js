// @ts-check
/**
 * When a room's screen goes back to its welcome: hours after the last word, which is the evening or another day. A
 * pause, a break and a cleared screen are part of a talk, and the screen stays as it is.
 */

/** @import { Durable, ShownCaption } from '../messages.js' */

export const stageLimits = Object.freeze({
  /** Longer than lunch. */
  wordlessMs: 2 * 3_600_000,
});

export class Stage {
  #host;
  #wordlessMs;
  /** Room time when the line was opened; not a number: a relay that does not tell. */
  #openedAt = Number.NaN;
  /** When the last word that was shown ended, room time; not a number: there is none. */
  #lastWordAt = Number.NaN;
  /** @type {number | null} */
  #timer = null;

  /**
   * @param {{ onWordless: () => void, setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} host
   */
  constructor(host, { wordlessMs } = stageLimits) {
    this.#host = host;
    this.#wordlessMs = wordlessMs;
  }

  /** A line was opened. A machine that slept finds out here that it is another day. @param {number} at room time */
  opened(at) {
    this.#openedAt = at;
    if (at - this.#lastWordAt > this.#wordlessMs) this.#leave();
  }

  /** Whether this is a word of hours ago: what a relay gives a screen that is switched on in the morning.
   * @param {Durable} message */
  isPast(message) {
    return message.type === 'caption' && this.#openedAt - message.end > this.#wordlessMs;
  }

  /** A caption was shown. @param {ShownCaption} caption */
  words({ end }) {
    const lastWordAt = Math.max(end, this.#lastWordAt || end);
    this.#forget();
    this.#lastWordAt = lastWordAt;
    const ago = Math.max(0, this.#openedAt - lastWordAt) || 0;
    this.#timer = this.#host.setTimeout(() => this.#leave(), this.#wordlessMs - ago);
  }

  #leave() {
    this.#forget();
    this.#host.onWordless();
  }

  #forget() {
    if (this.#timer !== null) this.#host.clearTimeout(this.#timer);
    this.#timer = null;
    this.#lastWordAt = Number.NaN;
  }
}
