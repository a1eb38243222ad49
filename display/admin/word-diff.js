// @ts-check
/** Which words two texts of the same speech have in common. */

/** A table of so many places takes some tens of ms and 10 MB; beyond it nothing is marked. */
const maxPlaces = 5_000_000;

/** @typedef {{ text: string, isSame: boolean }} MarkedWord `text` with the gap after it */

/** The words of a text, each with the gap after it. @param {string} text */
const wordsIn = (text) => text.match(/\S+\s*/gu) ?? [];
/** As they are compared: letters and digits alone, in small. @param {string} word */
const plain = (word) => word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '') || word.trim();

/**
 * Marks what two lists of texts, each in the order spoken, have in common: the longest common run of words over all of them,
 * wherever one text ends and the next begins.
 * @param {readonly string[]} one @param {readonly string[]} other
 * @returns {{ one: MarkedWord[][], other: MarkedWord[][] }} the words of each text
 */
export function compare(one, other) {
  const [a, b] = [one.map(wordsIn), other.map(wordsIn)];
  const [left, right] = [a.flat().map(plain), b.flat().map(plain)];
  const [sameLeft, sameRight] = common(left, right);
  return { one: marked(a, sameLeft), other: marked(b, sameRight) };
}

/** @param {readonly string[][]} texts @param {Uint8Array} same by the place of a word in all of them */
function marked(texts, same) {
  let at = 0;
  return texts.map((words) => words.map((text) => ({ text, isSame: same[at++] === 1 })));
}

/** @param {readonly string[]} left @param {readonly string[]} right @returns {[Uint8Array, Uint8Array]} */
function common(left, right) {
  const [sameLeft, sameRight] = [new Uint8Array(left.length), new Uint8Array(right.length)];
  const width = right.length + 1;
  if (left.length * width > maxPlaces) {
    sameLeft.fill(1);
    sameRight.fill(1);
    return [sameLeft, sameRight];
  }
  // How many words what follows both places has in common.
  const table = new Uint16Array((left.length + 1) * width);
  const at = (/** @type {number} */ i, /** @type {number} */ j) => table[i * width + j] ?? 0;
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      table[i * width + j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  for (let i = 0, j = 0; i < left.length && j < right.length; )
    if (left[i] === right[j]) {
      sameLeft[i++] = 1;
      sameRight[j++] = 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  return [sameLeft, sameRight];
}

/**
 * Which of `parts` each of `others` belongs beside: the last one that has begun by its middle, else the first.
 * @param {readonly { start: number }[]} parts in order @param {readonly { start: number, end: number }[]} others
 * @returns {number[]} places in `parts`
 */
export const beside = (parts, others) =>
  others.map(({ start, end }) => {
    const middle = (start + end) / 2;
    return Math.max(
      0,
      parts.findLastIndex((part) => part.start <= middle),
    );
  });
