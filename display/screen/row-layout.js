// @ts-check
/** How many rows a screen holds, how wide they are, and how wide a text is in them. */

/**
 * @typedef {{ width: number, lineHeight: number, rows: number, sampleWidth: number, measure: (text: string) => number }} RowLayout
 *   px; `sampleWidth`: of some letters in the font that was there when the layout was read
 */

/** Letters of both files of the font, so that neither is loaded in the middle of a talk. */
export const fontSample = 'Aąſ';

/** Measured words that are remembered. */
const maxMeasured = 5000;
/** Chromium puts letters of a line at whole or fractional pixels, depending on the system; a row is never that full. */
const tolerancePx = 1;

/**
 * Reads the layout that the style sheet gives. The container is set to whole lines where it does not hold them by itself.
 * @param {HTMLElement} container of the rows @param {HTMLElement} ground the rows' parent @returns {RowLayout}
 */
export function rowLayout(container, ground) {
  container.style.removeProperty('height');
  const style = getComputedStyle(ground);
  const lineHeight = Number.parseFloat(style.lineHeight);
  const rows = Math.max(1, Math.floor((container.clientHeight + tolerancePx) / lineHeight));
  if (container.clientHeight > rows * lineHeight + tolerancePx)
    container.style.setProperty('height', `${rows * lineHeight}px`);
  const measure = measureIn(style);
  return { width: ground.clientWidth - tolerancePx, lineHeight, rows, sampleWidth: measure(fontSample), measure };
}

/** @param {CSSStyleDeclaration} style @returns {(text: string) => number} */
function measureIn(style) {
  const context = document.createElement('canvas').getContext('2d');
  if (!context) throw new Error('this browser cannot measure text');
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fontKerning = 'normal';
  /** @type {Map<string, number>} */
  const known = new Map();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const { width } = context.measureText(text);
    if (known.size >= maxMeasured) known.clear();
    known.set(text, width);
    return width;
  };
}
