// @ts-check
/**
 * What a page's address asks for. Nobody reads a page's error messages in a dark hall, so a value that makes no sense
 * counts as not given, and numbers are brought into their range.
 */

export const parameterLimits = Object.freeze({
  minLines: 1,
  maxLines: 20,
  minSize: 0.25,
  maxSize: 4,
  maxOutline: 0.3,
});

const positions = /** @type {const} */ (['bottom', 'top', 'middle']);
const codes = /** @type {const} */ (['none', 'corner', 'slide']);

/**
 * @typedef {object} PageParameters
 * @property {boolean} partial show the tail that may still change
 * @property {boolean} late show captions of stretches that live captions had to skip
 * @property {boolean} overlay for video mixers: transparent ground, words only
 * @property {string | null} chroma colour of the ground of an overlay, `#rrggbb`; null: transparent
 * @property {'bottom' | 'top' | 'middle'} position where the lines of an overlay are
 * @property {number | null} outline its width in em, 0: none; null: the usual one
 * @property {number | null} lines how many lines are shown; null: as many as fit
 * @property {number} size multiplies the size of the text
 * @property {'dark' | 'light' | null} theme null: the reader's choice, else dark
 * @property {'screen' | 'reader' | null} view null: found out from the device
 * @property {'none' | 'corner' | 'slide'} qr how a screen invites phones
 * @property {string | null} language of the page's own words, BCP 47; null: the browser's
 */

/** @param {string | null} value */
const isOn = (value) => value !== null && ['', '1', 'true', 'yes', 'on'].includes(value.toLowerCase());

/** @param {string | null} value @param {number} min @param {number} max @returns {number | null} */
function bounded(value, min, max) {
  const number = Number(value);
  return value === null || value.trim() === '' || !Number.isFinite(number) || number < 0 || (number === 0 && min > 0)
    ? null
    : Math.min(max, Math.max(min, number));
}

/** @template {string} T @param {string | null} value @param {readonly T[]} known @returns {T | null} */
const oneOf = (value, known) => known.find((each) => each === value) ?? null;

const keyColours = Object.freeze({ green: '#00ff00', blue: '#0000ff', magenta: '#ff00ff', black: '#000000' });

/** `chroma=green`, `00ff00` or `#00ff00`. @param {string | null} value @returns {string | null} */
function colour(value) {
  const named = oneOf(value, /** @type {(keyof typeof keyColours)[]} */ (Object.keys(keyColours)));
  if (named) return keyColours[named];
  return /^#?[0-9a-f]{6}$/i.test(value ?? '') ? `#${(value ?? '').replace('#', '')}` : null;
}

/** @param {URLSearchParams} search @returns {PageParameters} */
export function readParameters(search) {
  const { minLines, maxLines, minSize, maxSize, maxOutline } = parameterLimits;
  const lines = bounded(search.get('lines'), minLines, maxLines);
  const language = search.get('lang');
  return {
    partial: isOn(search.get('partial')),
    late: isOn(search.get('late')),
    overlay: isOn(search.get('overlay')),
    chroma: colour(search.get('chroma')),
    position: oneOf(search.get('position'), positions) ?? 'bottom',
    outline: bounded(search.get('outline'), 0, maxOutline),
    lines: lines === null ? null : Math.round(lines),
    size: bounded(search.get('size'), minSize, maxSize) ?? 1,
    theme: oneOf(search.get('theme'), ['dark', 'light']),
    view: oneOf(search.get('view'), ['screen', 'reader']),
    qr: oneOf(search.get('qr'), codes) ?? 'none',
    language: language !== null && /^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/.test(language) ? language : null,
  };
}
