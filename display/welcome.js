// @ts-check
/** Before the first caption: which room this is, what comes, whether sound arrives, and how to read along. */

/** @import { Talk } from '../relay/protocol.js' */
/** @import { ViewParts } from './view.js' */

/** @typedef {ViewParts & { view: 'screen' | 'reader', setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} WelcomeParts */

export class Welcome {
  #title;

  /** @param {WelcomeParts} _parts @param {(id: string) => HTMLElement} element */
  constructor(_parts, element) {
    this.#title = element('title');
  }

  /** @param {string} title of the room */
  setTitle(title) {
    this.#title.textContent = title;
  }

  /** @param {Talk | null} _talk */
  setTalk(_talk) {}

  /** @param {number} _rmsDbfs */
  setLevel(_rmsDbfs) {}
}
