// @ts-check
/**
 * Before the first caption: which room this is, what is on, and whether the chain works from the mixer to this screen,
 * so that staff across the room see it at a glance.
 */
import { Chain, chainOf } from './chain.js';
import { LevelMeter } from './level-meter.js';
import { LoudnessWatch, loudnessLimits } from './loudness.js';

/** @import { Talk } from '../../relay/protocol.js' */
/** @import { Loudness, Strings } from '../strings.js' */

/**
 * @typedef {object} WelcomeHost
 * @property {(id: string) => HTMLElement} element
 * @property {() => number} now monotonic, ms
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

/** How often it is asked whether levels still come. */
const checkMs = 1000;

export class Welcome {
  #strings;
  #host;
  #chain;
  #meter;
  #watch = new LoudnessWatch();
  /** Whether this relay ever told a level. */
  #told = false;
  #state = 'connecting';
  #visible = true;
  /** @type {number | null} */
  #timer = null;

  /** @param {Strings} strings @param {WelcomeHost} host */
  constructor(strings, host) {
    this.#strings = strings;
    this.#host = host;
    this.#chain = new Chain(host.element('chain'), strings);
    this.#meter = new LevelMeter(host.element('meter'), [loudnessLimits.quietDb, loudnessLimits.loudDb]);
  }

  /** @param {string} title of the room */
  setTitle(title) {
    this.#write('title', title);
  }

  /** @param {Talk | null} talk that is on, or about to begin */
  setTalk(talk) {
    const { language } = this.#strings;
    this.#host.element('talk').hidden = talk === null;
    this.#write('talk-time', talk ? hoursOf(talk, language) : '');
    this.#write('talk-title', talk?.title ?? '');
    const speakers = new Intl.ListFormat(language, { type: 'conjunction' }).format(talk?.speakers ?? []);
    this.#write('talk-speakers', speakers);
  }

  /** @param {number} rmsDbfs of the room's sound */
  setLevel(rmsDbfs) {
    const now = this.#host.now();
    this.#told = true;
    this.#watch.hear(rmsDbfs, now);
    if (!this.#visible) return;
    this.#meter.show(rmsDbfs, now);
    this.#judge();
    this.#timer ??= this.#host.setTimeout(() => this.#check(), checkMs);
  }

  /** @param {string} state that the page shows */
  setState(state) {
    this.#state = state;
    if (this.#visible) this.#judge();
  }

  /** During a talk nothing here is drawn. @param {boolean} visible */
  setVisible(visible) {
    if (visible === this.#visible) return;
    this.#visible = visible;
    if (this.#timer !== null) this.#host.clearTimeout(this.#timer);
    this.#timer = null;
    if (visible) this.#check();
  }

  /** Levels stop coming without a word. */
  #check() {
    this.#timer = null;
    if (this.#judge() === 'none') this.#meter.fall();
    else this.#timer = this.#host.setTimeout(() => this.#check(), checkMs);
  }

  /** @returns {Loudness} */
  #judge() {
    const loudness = this.#watch.judge(this.#host.now());
    const known = this.#told ? loudness : null;
    const chain = chainOf(this.#state, known);
    this.#chain.show(chain);
    // Where the chain is broken before the sound, the meter has nothing to say.
    const words = known === null || chain.kit !== 'yes' ? '' : this.#strings.loudness[known];
    this.#write('loudness', words);
    const element = this.#host.element('loudness');
    if (element.dataset.loudness !== loudness) element.dataset.loudness = loudness;
    return loudness;
  }

  /** @param {string} id @param {string} words */
  #write(id, words) {
    const element = this.#host.element(id);
    if (element.textContent !== words) element.textContent = words;
  }
}

/** @param {Talk} talk @param {string} language */
function hoursOf({ start, end }, language) {
  if (Number.isNaN(new Date(start).getTime())) return '';
  const format = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return end > start && !Number.isNaN(new Date(end).getTime()) ? format.formatRange(start, end) : format.format(start);
}
