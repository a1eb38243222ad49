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
const pattern = /(?<digits>\p{Nd}+)|(?<word>[\p{L}\p{M}]+)|(?<space>[\s\p{Cf}\p{Cc}]+)|./gsu;
/** The longest word that anything here is made of; longer ones are nothing but words. */
const maxWordLength = 64;
/** Zeros of digits that are in use in Unicode beside ASCII's, and that recognisers write. */
const zeros = [0x30, 0x660, 0x6f0, 0x966, 0xff10];

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(pattern)) {
    const [found] = match;
    const { digits, word, space } = match.groups ?? {};
    const kind = digits !== undefined ? 'digits' : word !== undefined ? 'word' : space !== undefined ? 'space' : 'mark';
    tokens.push({
      kind,
      text: digits !== undefined ? asciiDigits(digits) : word !== undefined ? folded(word) : found,
      isCapital: word !== undefined && /^\p{Lu}/u.test(word),
      start: match.index,
      end: match.index + found.length,
    });
  }
  return tokens;
}

/** In small letters, without accents: `più` is `piu`, `dreißig` is `dreissig`. */
export function folded(word: string): string {
  if (word.length > maxWordLength) return '';
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
