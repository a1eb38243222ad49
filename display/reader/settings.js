// @ts-check
/** How a reader likes to read: remembered on the device, for every room. */

/** Text sizes in rem, so that a browser's own text size counts: 16 to 64 px by default. */
export const textSizes = Object.freeze([1, 1.125, 1.25, 1.375, 1.5, 1.75, 2, 2.5, 3, 4]);
export const themes = /** @type {const} */ (['device', 'dark', 'light']);
export const contrasts = /** @type {const} */ (['normal', 'high']);
export const fonts = /** @type {const} */ (['legible', 'dyslexic', 'sans', 'serif']);
export const spacings = /** @type {const} */ (['close', 'normal', 'wide']);

/**
 * @typedef {object} ReaderSettings
 * @property {number} size in rem, one of `textSizes`
 * @property {(typeof themes)[number]} theme
 * @property {(typeof contrasts)[number]} contrast
 * @property {(typeof fonts)[number]} font
 * @property {(typeof spacings)[number]} spacing
 * @property {boolean} awake
 * @property {boolean} announce
 */

/** @type {Readonly<ReaderSettings>} */
export const usualSettings = Object.freeze({
  size: 1.375,
  theme: 'dark',
  contrast: 'normal',
  font: 'legible',
  spacing: 'normal',
  awake: false,
  announce: false,
});

/** The version is of the meaning of the fields; unknown ones cost nothing. */
const storageKey = 'sala.reader.v1';

/** The nearest of the text sizes. @param {number} rem */
export const nearestSize = (rem) =>
  textSizes.reduce((best, each) => (Math.abs(each - rem) < Math.abs(best - rem) ? each : best), usualSettings.size);

/** @template {string} T @param {unknown} value @param {readonly T[]} known @returns {T | undefined} */
const oneOf = (value, known) => known.find((each) => each === value);

/** What can be made of what was remembered. @param {unknown} value @returns {Partial<ReaderSettings>} */
function readSettings(value) {
  const fields = new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  const [size, awake, announce] = [fields.get('size'), fields.get('awake'), fields.get('announce')];
  const found = {
    size: typeof size === 'number' && Number.isFinite(size) ? nearestSize(size) : undefined,
    theme: oneOf(fields.get('theme'), themes),
    contrast: oneOf(fields.get('contrast'), contrasts),
    font: oneOf(fields.get('font'), fonts),
    spacing: oneOf(fields.get('spacing'), spacings),
    awake: typeof awake === 'boolean' ? awake : undefined,
    announce: typeof announce === 'boolean' ? announce : undefined,
  };
  return Object.fromEntries(Object.entries(found).filter(([, each]) => each !== undefined));
}

/** @typedef {Pick<Storage, 'getItem' | 'setItem'>} SettingsStorage */

export class Settings {
  /** @type {Partial<ReaderSettings>} what this reader has chosen, ever */
  #chosen;
  #storage;
  /** @type {Readonly<ReaderSettings>} */
  values;
  /** Called after every change. */
  onChange = () => {};

  /**
   * @param {() => SettingsStorage} storage may throw, as in a private window: then nothing is remembered
   * @param {{ size: number, theme: 'dark' | 'light' | null }} asked what the address asks for goes before what is
   *   remembered, until the reader chooses; `size` multiplies the usual one, 1: not given
   */
  constructor(storage, { size, theme }) {
    this.#storage = storage;
    this.#chosen = this.#remembered();
    this.values = {
      ...usualSettings,
      ...this.#chosen,
      ...(size === 1 ? {} : { size: nearestSize(usualSettings.size * size) }),
      ...(theme === null ? {} : { theme }),
    };
  }

  /** @param {Partial<ReaderSettings>} change */
  choose(change) {
    this.values = { ...this.values, ...change };
    this.#chosen = { ...this.#chosen, ...change };
    try {
      this.#storage().setItem(storageKey, JSON.stringify(this.#chosen));
    } catch {
      // Nothing is remembered then; the choice holds while the page is open.
    }
    this.onChange();
  }

  /** @returns {Partial<ReaderSettings>} */
  #remembered() {
    try {
      return readSettings(JSON.parse(this.#storage().getItem(storageKey) ?? 'null'));
    } catch {
      return {};
    }
  }
}
