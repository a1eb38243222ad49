/** Letters as people see them, and text that harms no file. */

/** Scripts whose letters are twice as wide; a line of them holds fewer. */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
/** Scripts that put no spaces between words. */
export const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Yi}\u3001-\u303f\uff01-\uff60]/u;
/** Marks as wide as a letter, which hold a space of their own. */
const wideMark = /[\u3001-\u303f\uff01-\uff0f\uff1a-\uff1f]$/u;

/** Whether a space stands between two texts that follow each other. */
export const isSpaced = (before: string, text: string): boolean =>
  !wideMark.test(before) && !(unspaced.test(before.slice(-1)) && unspaced.test(text.slice(0, 1)));

/** Latin, Greek and Cyrillic without anything that combines: one letter is one unit. */
const simple = /^[\u0020-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]*$/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const controls = /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f]/g;
/** Joiners and variation selectors make letters and emoji, a mark of direction ends with itself; whatever else is invisible
 * makes nothing, or turns all that follows. */
const invisible = /(?!\p{Join_Control}|\p{Variation_Selector}|[\u200e\u200f\u061c\u{e0020}-\u{e007f}])\p{DI}/gu;
/** More marks on one letter than any language has (UAX 15, stream-safe text). */
const maxMarks = 30;
const marks = new RegExp(
  `((?:\\p{M}|\\p{Default_Ignorable_Code_Point}){${maxMarks}})(?:\\p{M}|\\p{Default_Ignorable_Code_Point})+`,
  'gu',
);
const baseless = /(^| )\p{Default_Ignorable_Code_Point}+/gu;

/**
 * A text on one line, without controls: what turns the direction of writing would go on behind the cue, what is invisible
 * could be there a hundred thousand times. No letter is lost.
 */
export function cleaned(text: string): string {
  const line = text
    .replaceAll('\ufeff', '')
    .replaceAll(/[\s\u0085]+/g, ' ')
    .trim();
  if (simple.test(line) && !/[\u007f-\u009f\u00ad]/.test(line)) return line;
  return line
    .toWellFormed()
    .replaceAll(controls, '')
    .replaceAll(invisible, '')
    .replaceAll(marks, '$1')
    .replaceAll(baseless, '$1')
    .replaceAll(/ +/g, ' ')
    .trim();
}

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });
/** Longer ones are no letter of any language, but a flood. */
const maxClusterUnits = 64;

/** The letters of a text as people see them; together they are the text. */
export function lettersOf(text: string): string[] {
  if (simple.test(text)) return text.split('');
  return Array.from(segmenter.segment(text), ({ segment }) => segment).flatMap((letter) => {
    if (letter.length <= maxClusterUnits) return [letter];
    const points = [...letter];
    return Array.from({ length: Math.ceil(points.length / 16) }, (_, i) => points.slice(i * 16, i * 16 + 16).join(''));
  });
}

export const widthOf = (text: string): number => (simple.test(text) ? text.length : lettersOf(text).length);

/** Whether a line with this text is one of wide letters. */
export const isWide = (text: string): boolean => !simple.test(text) && wide.test(text);

/** Letters that are written from right to left. */
export const isRightToLeft = (text: string): boolean =>
  /^[^\p{L}]*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(text);
