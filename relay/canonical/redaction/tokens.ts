/** A piece of a text; all of them in order are the text. */
export interface Token {
  readonly kind: 'word' | 'digits' | 'space' | 'mark';
  /** Digits are ASCII whatever they were written in; a word is in small letters without accents; a mark is itself. */
  readonly text: string;
  readonly isCapital: boolean;
  readonly start: number;
  readonly end: number;
}

/** What no one sees counts as a space: a number is not hidden by what stands invisibly in it. */
const pattern = /\p{Nd}+|[\p{L}\p{M}]+|[\s\p{Cf}\p{Cc}]+|./gsu;
/** The longest word that anything here is made of; longer ones are nothing but words. */
const maxWordLength = 64;
/** Zeros of digits that are in use in Unicode beside ASCII's, and that recognisers write. */
const zeros = [0x30, 0x660, 0x6f0, 0x966, 0xff10];

export function tokensOf(text: string): Token[] {
  let end = 0;
  return (text.match(pattern) ?? []).map((found) => {
    const start = end;
    end += found.length;
    const kind = kindOf(found);
    return {
      kind,
      text: kind === 'digits' ? asciiDigits(found) : kind === 'word' ? folded(found) : found,
      isCapital: kind === 'word' && /^\p{Lu}/u.test(found),
      start,
      end,
    };
  });
}

function kindOf(found: string): Token['kind'] {
  if (/^[\p{L}\p{M}]/u.test(found)) return 'word';
  if (/^[\s\p{Cf}\p{Cc}]/u.test(found)) return 'space';
  return /^\p{Nd}/u.test(found) ? 'digits' : 'mark';
}

/** In small letters, without accents: `più` is `piu`, `dreißig` is `dreissig`. */
export function folded(word: string): string {
  if (word.length > maxWordLength) return '';
  if (/^[a-z]+$/.test(word)) return word;
  return word.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('ß', 'ss').replaceAll('œ', 'oe');
}

function asciiDigits(digits: string): string {
  if (/^[0-9]*$/.test(digits)) return digits;
  return Array.from(digits, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    const zero = zeros.find((first) => code >= first && code <= first + 9);
    return zero === undefined ? '?' : String(code - zero);
  }).join('');
}
