// @ts-check
/**
 * The words of a tail that will not change any more. They are set like a final's, once, and the final they become part
 * of goes on after them. What is only likely to stay is not among them.
 */
import { directionOf, hasRightToLeft } from '../direction.js';
import { cleaned, wordsOf } from './words.js';

/** @import { ShownCaption, Tail } from '../messages.js' */
/** @import { Passage } from './typeset.js' */
/** @import { Word } from './words.js' */

/**
 * @typedef {object} Grown
 * @property {boolean} broken whether words that should have stayed are not there any more
 * @property {Passage | null} settled words that stay from now on
 * @property {Passage} rest the words that may still change
 *
 * @typedef {{ is: 'whole' | 'earlier' | 'broken' } | { is: 'finished', rest: Passage }} Finish of a tail by a final.
 *   `whole`: nothing of it stood; `earlier`: it belongs before the tail
 */

/** @type {Readonly<{ text: string, words: number, language: string, start: number }>} */
const nothing = Object.freeze({ text: '', words: 0, language: '', start: 0 });

export class Forming {
  /** What stands of the caption that is being said. */
  #stands = nothing;

  forget() {
    this.#stands = nothing;
  }

  /**
   * @param {Tail} tail
   * @param {{ speaker: string | null, breakBefore: boolean }} after who spoke before it; whether captions were paused since
   * @returns {Grown}
   */
  grow(tail, { speaker: speakerBefore, breakBefore }) {
    const { language, start } = tail;
    const text = cleaned(tail.text);
    const direction = directionOf(text, language);
    const broken =
      this.#stands.text !== '' && !(text.startsWith(this.#stands.text) && language === this.#stands.language);
    if (broken) this.forget();
    // Whoever it is will be known only with the final: until then nobody else is taken to speak.
    const speaker = tail.speaker ?? speakerBefore;
    const passageOf = (/** @type {Word[]} */ words, /** @type {number} */ offset) => ({
      words,
      offset,
      continues: offset > 0,
      language,
      direction,
      speaker,
      start,
      end: start,
      breakBefore,
    });
    const before = this.#stands;
    const settledText = speaker === tail.speaker ? settledIn(tail, text, direction) : '';
    /** @type {Passage | null} */
    let settled = null;
    if (settledText.length > before.text.length) {
      const words = wordsAfter(settledText, before.text.length, language);
      settled = passageOf(words, before.words);
      this.#stands = { text: settledText, words: before.words + words.length, language, start };
    }
    const { text: stands, words: offset } = this.#stands;
    return { broken, settled, rest: passageOf(wordsAfter(text, stands.length, language), offset) };
  }

  /** What a final means for the words that stand. @param {ShownCaption} caption @param {Passage} whole all of it @returns {Finish} */
  finish(caption, whole) {
    const { text: stands, words: offset, language, start } = this.#stands;
    if (stands === '') return { is: 'whole' };
    if (caption.late || caption.end <= start) return { is: 'earlier' };
    this.forget();
    const text = cleaned(caption.text);
    if (!text.startsWith(stands) || caption.language !== language) return { is: 'broken' };
    const words = wordsAfter(text, stands.length, language);
    return { is: 'finished', rest: { ...whole, words, offset, continues: true } };
  }
}

/**
 * The beginning of a tail that stays. Its last word may still get an ending or a comma, and words against the direction of
 * the rest would move when more of them come: both wait.
 * @param {Tail} tail @param {string} text all of it, cleaned @param {'ltr' | 'rtl'} direction
 */
function settledIn(tail, text, direction) {
  const head = cleaned(tail.text.slice(0, tail.stable));
  if (head === '' || !text.startsWith(head)) return '';
  const words = wordsOf(head, tail.language).slice(0, -1);
  const goesAlong = (/** @type {string} */ word) =>
    direction === 'rtl' ? hasRightToLeft(word) : !hasRightToLeft(word) && /\p{L}/u.test(word);
  if (direction === 'rtl' || hasRightToLeft(head))
    while (words.length > 0 && !goesAlong(words.at(-1)?.text ?? '')) words.pop();
  return words.map(({ text: word, gap }) => gap + word).join('');
}

/** The words of a text after its first `length` letters, of which one may be cut in two where no space is.
 * @param {string} text @param {number} length @param {string} language @returns {Word[]} */
function wordsAfter(text, length, language) {
  let at = 0;
  return wordsOf(text, language).flatMap(({ text: word, gap }) => {
    const begin = at + gap.length;
    at = begin + word.length;
    if (at <= length) return [];
    return begin < length ? [{ text: word.slice(length - begin), gap: '' }] : [{ text: word, gap }];
  });
}
