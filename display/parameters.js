// @ts-check
/**
 * What a page's address asks for. Nobody reads a page's error messages in a dark hall, so a value that makes no sense
 * counts as not given, and numbers are brought into their range.
 */

export const parameterLimits = Object.freeze({ minLines: 1, maxLines: 20, minSize: 0.25, maxSize: 4 });

/**
 * @typedef {object} PageParameters
 * @property {boolean} partial show the tail that may still change
 * @property {boolean} late show captions of stretches that live captions had to skip
 * @property {boolean} overlay for video mixers: transparent ground, words only
 * @property {number | null} lines how many lines are shown; null: as many as fit
 * @property {number} size multiplies the size of the text
 * @property {'dark' | 'light'} theme
 */

/** @param {string | null} value */
const isOn = (value) => value !== null && ['', '1', 'true', 'yes', 'on'].includes(value.toLowerCase());

/** @param {string | null} value @param {number} min @param {number} max @returns {number | null} */
function bounded(value, min, max) {
  const number = Number(value);
  return value === null || value.trim() === '' || !Number.isFinite(number) || number <= 0
    ? null
    : Math.min(max, Math.max(min, number));
}

/** @param {URLSearchParams} search @returns {PageParameters} */
export function readParameters(search) {
  const { minLines, maxLines, minSize, maxSize } = parameterLimits;
  const lines = bounded(search.get('lines'), minLines, maxLines);
  return {
    partial: isOn(search.get('partial')),
    late: isOn(search.get('late')),
    overlay: isOn(search.get('overlay')),
    lines: lines === null ? null : Math.round(lines),
    size: bounded(search.get('size'), minSize, maxSize) ?? 1,
    theme: search.get('theme') === 'light' ? 'light' : 'dark',
  };
}
