// @ts-check
/**
 * A caption's text as words that can be put into rows. Text comes from outside: what could reach beyond its caption, or
 * has no width and no end, is taken out here, so that everything after this may trust it.
 */

/** @typedef {{ text: string, gap: '' | ' ' }} Word `gap`: what stands before it in its caption, unless it begins a row */

/** Halves of letters. */
const halves = /\p{Cs}/gu;
const lineBreaks = /[\p{Cc}\u2028\u2029]+/gu;
/** Embeddings, overrides and isolates; the direction of a caption is its element's. */
const directionControls = /[\u202a-\u202e\u2066-\u2069]/gu;
/** Zero-width spaces, soft hyphens, word joiners, byte order marks, fillers, annotations: nothing that is spoken. */
const unseen = /[\u034f\u00ad\u115f\u1160\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]/gu;
/** Invisible joiners and marks; two are spelling or an emoji's, more are a flood. */
const joinerFlood =
  /((?:\p{Variation_Selector}|[\u061c\u200c-\u200f]){2})(?:\p{Variation_Selector}|[\u061c\u200c-\u200f])+/gu;
/** Marks on one letter; scripts in use have up to four, and a hundred would run through the rows above. */
const markFlood = /(\p{M}{6})\p{M}+/gu;
/** A flag made of tags, or tags that are no flag's. */
const tags = /(\u{1f3f4}[\u{e0020}-\u{e007e}]{2,6}\u{e007f})|[\u{e0000}-\u{e007f}]/gu;
/** Spaces at which a row may break; not those that hold words together (French before a colon). */
const breakingSpaces = /[^\S\u00a0\u2007\u202f]+/gu;
const visible = /[\p{L}\p{N}\p{P}\p{S}\p{Co}\p{Cn}]/u;

/** Scripts that put no spaces between words. */
const unspaced =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Bopomofo}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}\u3001-\u303f\uff01-\uffef]/u;
/** What may stand neither at the end of a row nor, as its closing partner, at the beginning of one. */
const opening = /^[\p{Ps}\p{Pi}\u00bf\u00a1]+$/u;
const clinging =
  /^[\p{P}\p{S}\p{M}\u30fc\u3005\u309d\u309e\u30fd\u30fe\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087\u30a1\u30a3\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7]+$/u;

/** What stands in the document of a text: nothing that is not seen, no control, single spaces. @param {string} text */
export function cleaned(text) {
  return text
    .replaceAll(halves, '\ufffd')
    .replaceAll(lineBreaks, ' ')
    .replaceAll(directionControls, '')
    .replaceAll(unseen, '')
    .replaceAll(tags, '$1')
    .replaceAll(joinerFlood, '$1')
    .replaceAll(markFlood, '$1')
    .split(breakingSpaces)
    .filter((each) => visible.test(each))
    .join(' ');
}

/** @type {Map<string, Intl.Segmenter>} */
const segmenters = new Map();
const maxSegmenters = 8;

/** @param {string} language BCP 47, or anything at all @param {'word' | 'grapheme'} granularity */
function segmenterOf(language, granularity) {
  const key = `${granularity} ${language}`;
  let found = segmenters.get(key);
  if (found) return found;
  try {
    found = new Intl.Segmenter(language || undefined, { granularity });
  } catch {
    found = new Intl.Segmenter(undefined, { granularity }); // no language at all
  }
  if (segmenters.size >= maxSegmenters) segmenters.clear();
  segmenters.set(key, found);
  return found;
}

/** A letter with its marks is far shorter; an endless chain of emoji is cut. */
const maxClusterLength = 64;

/** Text as it is read: letters with their marks, whole emoji. @param {string} text @returns {string[]} */
export function graphemes(text) {
  return [...segmenterOf('', 'grapheme').segment(text)].flatMap(({ segment }) =>
    segment.length <= maxClusterLength ? [segment] : [...segment],
  );
}

/** Pieces of a text without spaces, between which a row may break. @param {string} text @param {string} language */
function unspacedWords(text, language) {
  /** @type {string[]} */
  const pieces = [];
  let before = '';
  for (const { segment } of segmenterOf(language, 'word').segment(text)) {
    const last = pieces.at(-1);
    if (opening.test(segment)) before += segment;
    else if (last !== undefined && before === '' && clinging.test(segment)) pieces[pieces.length - 1] = last + segment;
    else {
      pieces.push(before + segment);
      before = '';
    }
  }
  if (before) pieces.push(before);
  return pieces;
}

/**
 * The words of a text that is already clean. Joined with their gaps they are the text.
 * @param {string} clean @param {string} language BCP 47 @returns {Word[]}
 */
export function wordsOf(clean, language) {
  if (clean === '') return [];
  return clean.split(' ').flatMap((chunk, n) => {
    const pieces = unspaced.test(chunk) ? unspacedWords(chunk, language) : [chunk];
    return pieces.map((text, i) => ({ text, gap: n > 0 && i === 0 ? ' ' : '' }));
  });
}

/** What stands between two captions that share a row. @param {string} before @param {string} after @returns {'' | ' '} */
export function gapBetween(before, after) {
  const joined = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\u3001-\u303f\uff01-\uffef]/u;
  return joined.test(before.slice(-1)) && joined.test(after.slice(0, 1)) ? '' : ' ';
}
