/** What RE2 takes for white space. */
export const isSpace = (character: string) => /[ \t\n\f\r]/.test(character);
const spaceCodes = [9, 10, 12, 13, 32];
/** Escapes that match no white space, or nothing at all. */
const spaceless = /[dwSbBAz]/;
/** Categories without white space in them; names of scripts may stand for anything. */
const spacelessCategory = /^(?:\{[LMNPS][a-z]?\}|[LMNPS])/;

/**
 * How many white space characters a match of a pattern in RE2 syntax can hold at most, so how many words it can reach over;
 * infinite where nothing bounds it, or where this does not know. An upper bound: it may be less.
 */
export function spacesIn(pattern: string): number {
  const reader = new PatternReader(pattern);
  const spaces = reader.alternatives();
  return reader.isAtEnd && !Number.isNaN(spaces) ? spaces : Number.POSITIVE_INFINITY;
}

const endless = (spaces: number) => (spaces === 0 ? 0 : Number.POSITIVE_INFINITY);

class PatternReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  alternatives(): number {
    let most = this.#sequence();
    while (this.#take(/^\|/)) most = Math.max(most, this.#sequence());
    return most;
  }

  #sequence(): number {
    let sum = 0;
    while (!this.isAtEnd && !/[|)]/.test(this.#source[this.#at] ?? '')) sum += this.#repeated(this.#atom());
    return sum;
  }

  #repeated(once: number): number {
    let spaces = once;
    for (;;) {
      const counted = this.#take(/^\{\d+(?:,\d*)?\}/);
      if (counted) {
        const [least = '', most = least] = counted.slice(1, -1).split(',');
        spaces = most === '' ? endless(spaces) : spaces === 0 ? 0 : spaces * Number(most);
      } else if (this.#take(/^[*+]/)) spaces = endless(spaces);
      else if (!this.#take(/^\?/)) return spaces; // once or not at all, or as little as may be
    }
  }

  #atom(): number {
    if (this.#take(/^\(/)) {
      this.#take(/^\?(?:P?<\w+>|[imsU-]*:)/);
      if (this.#take(/^\?[imsU-]+\)/)) return 0; // flags alone
      if (this.#source[this.#at] === '?') return Number.POSITIVE_INFINITY;
      const spaces = this.alternatives();
      return this.#take(/^\)/) ? spaces : Number.POSITIVE_INFINITY;
    }
    if (this.#take(/^\[/)) return this.#class();
    const escaped = this.#take(/^\\./su);
    if (escaped) return this.#escape(escaped.slice(1));
    const literal = this.#take(/^./su) ?? '';
    return literal === '.' || isSpace(literal) ? 1 : 0;
  }

  #escape(letter: string): number {
    if (letter === 'p') return this.#take(spacelessCategory) ? 0 : Number.POSITIVE_INFINITY;
    if (spaceless.test(letter) || !/[\p{L}\p{N}\s]/u.test(letter)) return 0;
    return /[sWDtnfrv\s]/.test(letter) ? 1 : Number.POSITIVE_INFINITY; // \Q, \x and the like
  }

  /** Whatever is not plain letters and ranges of them may hold a space. */
  #class(): number {
    const body = this.#take(/^\]?(?:\\.|[^\]\\])*\]/su)?.slice(0, -1);
    if (body === undefined || body.includes('[')) return Number.POSITIVE_INFINITY;
    const plain = body.replace(/\\[dwS]|\\[^\p{L}\p{N}\s]/gu, '');
    if (/^\^|\\/.test(plain)) return 1;
    if (body.includes('\\') && /.-./su.test(body)) return 1; // an end of a range may be an escape
    const ranges = [...plain.matchAll(/(.)-(.)|(.)/gsu)];
    const holds = ([, from, to, single]: RegExpMatchArray) => {
      const [low, high] = [codeOf(from ?? single), codeOf(to ?? single)];
      return spaceCodes.some((code) => low <= code && code <= high);
    };
    return ranges.some(holds) ? 1 : 0;
  }

  #take(expected: RegExp): string | undefined {
    const taken = expected.exec(this.#source.slice(this.#at))?.[0];
    this.#at += taken?.length ?? 0;
    return taken;
  }
}

const codeOf = (character = '') => character.codePointAt(0) ?? 0;
