/** No engine says so much at once; what is beyond it is not shown. */
const maxTextLength = 4000;
/** Marks on one letter beyond any script's need; more would make a line of any length. */
const maxLetterLength = 32;

const letters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Line breaks and other controls, which a mixer may obey. */
const controls = /[\p{Cc}\u2028\u2029]+/gu;
/** What would turn around the text of whoever shows the line. */
const turning = /[\u202a-\u202e\u2066-\u2069]/gu;
const rightToLeft = new Set(['Arab', 'Hebr', 'Syrc', 'Thaa', 'Nkoo', 'Adlm', 'Rohg', 'Mand', 'Samr', 'Mend']);

/**
 * A text in lines of at most `width` letters as people see them, broken at spaces; a longer word, as in scripts without
 * spaces, is cut. What a text breaks into depends on nothing else.
 */
export function linesOf(text: string, width: number): string[] {
  const plain = text.slice(0, maxTextLength).toWellFormed().replace(turning, '').replace(controls, ' ');
  const lines: string[] = [];
  let room = 0;
  for (const word of plain.split(/\s+/)) {
    if (word === '') continue;
    const all = [...letters.segment(word)].map(({ segment }) => segment.slice(0, maxLetterLength));
    if (all.length < room) lines.push(`${lines.pop() ?? ''} ${all.join('')}`);
    else for (let at = 0; at < all.length; at += width) lines.push(all.slice(at, at + width).join(''));
    room = all.length < room ? room - all.length - 1 : width - (((all.length - 1) % width) + 1);
  }
  return lines;
}

/** Where the lines of a language begin. */
export function directionOf(language: string): 'ltr' | 'rtl' {
  try {
    return rightToLeft.has(new Intl.Locale(language).maximize().script ?? '') ? 'rtl' : 'ltr';
  } catch {
    return 'ltr'; // what an engine named is no language tag
  }
}
