// @ts-check
/** Captions to read along, in the document: one paragraph each, with who speaks, the time now and then, and organizers' acts. */
import { directionOf, languageTag } from '../direction.js';
import { make } from '../make.js';

/** @import { ShownCaption, Tail } from '../messages.js' */
/** @import { Divider, Entry } from './window.js' */
/** @import { ReaderStrings } from '../strings.js' */

/** A time stands where the first caption of every five minutes begins. */
const timeEveryMs = 5 * 60_000;
/** After a silence of this long the next caption stands a little apart. */
const apartMs = 3000;
/** @param {HTMLElement} element @param {{ text: string, language: string }} words */
function write(element, { text, language }) {
  const tag = languageTag(language);
  if (element.lang !== tag) element.lang = tag;
  const direction = directionOf(text, language);
  if (element.dir !== direction) element.dir = direction;
  if (element.textContent !== text) element.textContent = text;
}

/** One caption with what stands above it. */
class Said {
  element = make('div', { class: 'said' });
  #time = make('h2', { class: 'time' });
  #speaker = make('p', { class: 'speaker' });
  #words = make('p', { class: 'final' });
  /** @type {ShownCaption | null} what `#words` says */
  #written = null;

  /** @param {number} seq */
  constructor(seq) {
    this.element.dataset.seq = String(seq);
    this.element.append(this.#words);
  }

  /** @param {ShownCaption} caption @param {string} time empty: none @param {string} speaker @param {boolean} isApart */
  write(caption, time, speaker, isApart) {
    // Nearly all are as they were, and looking at each one's language again costs a phone its battery.
    if (caption !== this.#written) write(this.#words, caption);
    this.#written = caption;
    this.#mark(this.#speaker, speaker);
    this.#mark(this.#time, time);
    this.element.classList.toggle('apart', isApart || time !== '' || speaker !== '');
  }

  /** @param {HTMLElement} mark @param {string} text */
  #mark(mark, text) {
    if (mark.textContent !== text) mark.textContent = text;
    if (text === '') mark.remove();
    else if (!mark.isConnected) {
      if (mark === this.#time) this.element.prepend(mark);
      else this.element.insertBefore(mark, this.#words);
    }
  }
}

export class Paragraphs {
  /** Whose children are the captions and dividers, oldest first. */
  element = make('div', { id: 'read' });
  #strings;
  #clock;
  /** @type {Map<string, { entry: Entry, said: Said | null, element: HTMLElement }>} */
  #held = new Map();
  #tail = make('p', { class: 'tail' });

  /** @param {ReaderStrings} strings @param {(ms: number) => string} clock the time of day */
  constructor(strings, clock) {
    this.#strings = strings;
    this.#clock = clock;
  }

  /** The entry that an element of ours shows. @param {Element} element @returns {Entry | undefined} */
  entryOf(element) {
    return element instanceof HTMLElement ? this.#held.get(element.dataset.key ?? '')?.entry : undefined;
  }

  /** Makes the document show exactly these. @param {readonly Entry[]} entries @param {Tail | null} tail */
  render(entries, tail) {
    const wanted = new Set(entries.map(keyOf));
    for (const [key, { element }] of this.#held) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#held.delete(key);
    }
    /** @type {ShownCaption | null} */
    let before = null;
    let at = this.element.firstElementChild;
    for (const entry of entries) {
      const held = this.#hold(entry);
      if (entry.type === 'caption') {
        held.said?.write(
          entry,
          this.#timeAbove(entry, before),
          this.#speakerAbove(entry, before),
          isApart(entry, before),
        );
        before = entry;
      }
      if (held.element === at) at = at.nextElementSibling;
      else this.element.insertBefore(held.element, at);
    }
    if (tail) {
      write(this.#tail, tail);
      if (this.element.lastElementChild !== this.#tail) this.element.append(this.#tail);
    } else this.#tail.remove();
  }

  /** @param {Entry} entry */
  #hold(entry) {
    const key = keyOf(entry);
    const known = this.#held.get(key);
    if (known) {
      known.entry = entry;
      return known;
    }
    const said = entry.type === 'caption' ? new Said(entry.seq) : null;
    const element = said?.element ?? make('p', { class: 'divider' }, this.#act(/** @type {Divider} */ (entry)));
    element.dataset.key = key;
    const held = { entry, said, element };
    this.#held.set(key, held);
    return held;
  }

  /** @param {Divider} divider */
  #act({ act, at }) {
    const words = this.#strings.acts[act];
    return Number.isNaN(at) ? words : `${words}, ${this.#clock(at)}`;
  }

  /** @param {ShownCaption} caption @param {ShownCaption | null} before */
  #timeAbove({ start }, before) {
    const isSame = before && Math.floor(before.start / timeEveryMs) === Math.floor(start / timeEveryMs);
    return isSame ? '' : this.#clock(start);
  }

  /** @param {ShownCaption} caption @param {ShownCaption | null} before */
  #speakerAbove({ speaker }, before) {
    if (speaker === null || speaker === before?.speaker) return '';
    // Engines count speakers from 0.
    return /^\d{1,3}$/.test(speaker) ? this.#strings.speaker.replace('{n}', String(Number(speaker) + 1)) : speaker;
  }
}

/** @param {Entry} entry */
const keyOf = (entry) => `${entry.type} ${entry.seq}`;

/** @param {ShownCaption} caption @param {ShownCaption | null} before */
const isApart = ({ start }, before) => before !== null && start - before.end > apartMs;
