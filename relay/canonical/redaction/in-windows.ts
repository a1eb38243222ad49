import type { Finding } from './finding.ts';
import { findPrivate } from './recognition.ts';

/** Letters that are looked through in one go: as tokens and pieces they take a hundred times their size for a moment. */
const windowLetters = 2000;
/** What is found depends on no more letters before and behind it: an IBAN of 34 words with another between each two has 500. */
const marginLetters = 1500;

/**
 * What is private in texts that follow each other, as `findPrivate` finds it in all of them with a line's end between, in
 * memory that does not grow with them.
 * @returns findings in the letters of the text they are in; one that goes over several texts is in each of them, and may come
 *   twice where a window ends in it: what is found from either side is found
 */
export function* findInTexts(
  texts: readonly string[],
  language: string,
  letters = windowLetters,
): Generator<[text: number, Finding], void> {
  const total = lengthOf(texts);
  for (let from = 0; from < texts.length; ) {
    let [first, to] = [from, from];
    for (let seen = 0; seen < letters && to < texts.length; to++) seen += (texts[to]?.length ?? 0) + 1;
    for (let seen = 0; seen < marginLetters && first > 0; first--) seen += (texts[first - 1]?.length ?? 0) + 1;
    let last = to;
    for (let seen = 0; seen < marginLetters && last < texts.length; last++) seen += (texts[last]?.length ?? 0) + 1;
    const [begins, ends] = [lengthOf(texts.slice(first, from)), lengthOf(texts.slice(first, to))];
    const seen = texts.slice(first, last);
    const found = findPrivate(seen.join('\n'), language, total);
    const own = found.filter(({ start, end }) => begins < end && start < ends);
    for (const [i, finding] of placed(seen, own)) yield [first + i, finding];
    from = to;
  }
}

const lengthOf = (texts: readonly string[]) => texts.reduce((sum, { length }) => sum + length + 1, 0);

/** Findings in texts that were joined by a letter each, by the texts they are in. */
function* placed(texts: readonly string[], findings: readonly Finding[]): Generator<[text: number, Finding], void> {
  let next = 0;
  let offset = 0;
  for (const [i, text] of texts.entries()) {
    const end = offset + text.length;
    while ((findings[next]?.end ?? Number.POSITIVE_INFINITY) <= offset) next++;
    for (let at = next; (findings[at]?.start ?? Number.POSITIVE_INFINITY) < end; at++) {
      const finding = findings[at];
      if (!finding) break;
      const within = { start: Math.max(0, finding.start - offset), end: Math.min(text.length, finding.end - offset) };
      if (within.end > within.start) yield [i, { ...finding, ...within }];
    }
    offset = end + 1;
  }
}
