// @ts-check
/** The chain from the mixer to this screen, link by link, so that staff see across a room where it is broken. */

/** @import { Link, Loudness, Strings } from '../strings.js' */

/** @typedef {'yes' | 'no' | 'unknown'} Works */

/** The page's own states, in which nothing is known of the room. */
const unconnected = Object.freeze(['lost', 'no-network', 'refused', 'revoked', 'full', 'unplaced', 'unenrolled']);
/** States in which a relay has a kit and hears it. */
const heard = Object.freeze(['listening', 'resting', 'delayed', 'catching-up', 'capacity', 'fault']);
const captioned = Object.freeze(['listening', 'resting', 'delayed', 'catching-up']);
const uncaptioned = Object.freeze(['capacity', 'fault', 'paused']);

/**
 * Each link from what is really known; what lies behind a broken one mostly is not.
 * @param {string} state that the page shows
 * @param {Loudness | null} loudness null: this relay never told a level
 * @returns {Record<Link, Works>}
 */
export function chainOf(state, loudness) {
  if (unconnected.includes(state)) return { screen: 'no', kit: 'unknown', sound: 'unknown', captions: 'unknown' };
  if (state === 'connecting') return { screen: 'unknown', kit: 'unknown', sound: 'unknown', captions: 'unknown' };
  const arrives = loudness !== null && loudness !== 'none';
  /** @type {Works} */
  const kit = state === 'waiting' || state === 'offline' ? 'no' : workingIf(arrives || isHeard(state));
  return {
    screen: 'yes',
    kit,
    sound: kit === 'no' ? 'unknown' : soundOf(state, loudness),
    captions: captioned.includes(state) ? 'yes' : uncaptioned.includes(state) ? 'no' : 'unknown',
  };
}

/** A kit without sound is a kit all the same. @param {string} state */
const isHeard = (state) => heard.includes(state) || state === 'no-audio';

/** @param {boolean} known @returns {Works} */
const workingIf = (known) => (known ? 'yes' : 'unknown');

/** @param {string} state @param {Loudness | null} loudness @returns {Works} */
function soundOf(state, loudness) {
  if (state === 'no-audio' || loudness === 'silent') return 'no';
  if (loudness === null) return 'unknown';
  return loudness === 'none' ? 'no' : 'yes';
}

const svg = 'http://www.w3.org/2000/svg';
/** @type {Record<Works, string>} */
const signs = { yes: 'M5 12.5l4.5 4.5L19 7.5', no: 'M6.5 6.5l11 11M17.5 6.5l-11 11', unknown: 'M7 12h10' };

/** The links as signs with a word each: a tick, a cross or a dash, whose colours only repeat it. */
export class Chain {
  /** @type {Map<Link, { item: HTMLElement, path: SVGElement, spoken: HTMLElement }>} */
  #links = new Map();
  #strings;

  /** @param {HTMLElement} list empty @param {Strings} strings */
  constructor(list, strings) {
    this.#strings = strings;
    for (const link of /** @type {const} */ (['kit', 'sound', 'captions', 'screen'])) {
      const item = document.createElement('li');
      const sign = document.createElementNS(svg, 'svg');
      const path = document.createElementNS(svg, 'path');
      const spoken = document.createElement('span');
      item.dataset.link = link;
      sign.setAttribute('class', 'sign');
      sign.setAttribute('viewBox', '0 0 24 24');
      sign.setAttribute('aria-hidden', 'true');
      spoken.className = 'spoken';
      sign.append(path);
      item.append(sign, strings.chain[link], spoken);
      list.append(item);
      this.#links.set(link, { item, path, spoken });
    }
    this.show({ screen: 'unknown', kit: 'unknown', sound: 'unknown', captions: 'unknown' });
  }

  /** @param {Record<Link, Works>} chain */
  show(chain) {
    for (const [link, { item, path, spoken }] of this.#links) {
      const works = chain[link];
      if (item.dataset.works === works) continue;
      item.dataset.works = works;
      path.setAttribute('d', signs[works]);
      spoken.textContent = `: ${this.#strings.works[works]}`;
    }
  }
}
