import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { Context, Cue } from './context.ts';
import type { Finding } from './finding.ts';
import type { Piece } from './pieces.ts';

/** Where numbers without a country may be from. */
const countries = new Map<string, readonly CountryCode[]>([
  ['en', ['US', 'GB', 'IE']],
  ['it', ['IT', 'CH']],
  ['de', ['DE', 'AT', 'CH']],
  ['fr', ['FR', 'BE', 'CH']],
  ['es', ['ES', 'MX', 'AR']],
]);
const cues: ReadonlySet<Cue> = new Set<Cue>(['phone', 'call', 'other', 'card', 'iban', 'id', 'version', 'ip']);
/** Who counts up or down tests a microphone. */
const counting = /123456|234567|345678|654321|765432|876543/;
const minDigits = 7;
const maxDigits = 15;
/** A check costs up to 0.1 ms: no more of them than so many letters have. */
const lettersPerCheck = 20;
const minChecks = 40;

function countriesOf(language: string): readonly CountryCode[] {
  const { language: tongue, region } = new Intl.Locale(language).maximize();
  const own = region !== undefined && isSupportedCountry(region) ? [region] : [];
  return [...new Set([...own, ...(countries.get(tongue) ?? [])])];
}

/** Telephone numbers: with their country, written as they are at home, or of the right length where one is spoken of. */
export function phonesIn(pieces: readonly Piece[], context: Context, language: string, length: number): Finding[] {
  const finder = new PhoneFinder(pieces, context, countriesOf(language), minChecks + length / lettersPerCheck);
  return finder.findings;
}

interface Candidate {
  readonly from: number;
  readonly to: number;
  readonly digits: string;
  readonly hasPlus: boolean;
}

class PhoneFinder {
  readonly findings: Finding[] = [];
  readonly #pieces: readonly Piece[];
  readonly #context: Context;
  readonly #countries: readonly CountryCode[];
  #checks: number;

  constructor(pieces: readonly Piece[], context: Context, from: readonly CountryCode[], checks: number) {
    this.#pieces = pieces;
    this.#context = context;
    this.#countries = from;
    this.#checks = checks;
    for (let at = 0; at < pieces.length; at += 1) {
      if (!this.#isStart(at)) continue;
      const found = this.#phoneFrom(at);
      if (found === null) continue;
      const { from: first, to, rule } = found;
      this.findings.push({ start: pieces[first]?.opening ?? 0, end: pieces[to]?.end ?? 0, type: 'phone', rule });
      at = to;
    }
  }

  /** Where a number may begin: behind anything but digits, a comma, or other numbers in another manner. */
  #isStart(at: number): boolean {
    const piece = this.#pieces[at];
    const before = this.#pieces[at - 1];
    if (piece === undefined || !piece.isDigits) return false;
    if (before === undefined || piece.between === null) return true;
    if (piece.isTight && piece.between === '') return false;
    if (piece.isTight && before.isDigits && /^[.,:]$/.test(piece.between) && !piece.isSpoken) return false;
    return !before.isDigits || before.isSpoken !== piece.isSpoken || /[,:;+(]/.test(piece.between);
  }

  #phoneFrom(from: number): { from: number; to: number; rule: string } | null {
    const head = this.#pieces[from];
    if (head === undefined) return null;
    const windows = this.#windows(from);
    const widest = windows[0];
    if (widest === undefined) return null;
    const tail = this.#pieces[widest.to];
    const cue = this.#context.near(head.first, tail?.last ?? head.last, cues);
    if (cue === 'other' && !widest.hasPlus) return null;
    for (const window of windows) {
      const rule = this.#ruleOf(window, cue);
      if (rule !== null) return { from, to: window.to, rule };
    }
    if (cue !== 'phone') return null;
    const whole = windows.find(({ to, digits }) => this.#isEnd(to) && digits.length <= 13);
    return whole === undefined || this.#isAmount(whole) ? null : { from, to: whole.to, rule: 'phone-context' };
  }

  /** From the longest; those that end where digits or a part of them end come before the others. */
  #windows(from: number): Candidate[] {
    const ends: Candidate[] = [];
    const others: Candidate[] = [];
    let digits = '';
    const hasPlus =
      this.#pieces[from]?.between?.endsWith('+') === true || this.#pieces[from]?.between?.endsWith('+(') === true;
    for (let to = from; to < this.#pieces.length; to += 1) {
      const piece = this.#pieces[to];
      if (
        piece === undefined ||
        !piece.isDigits ||
        (to > from && (piece.between === null || /[+:;#*|"]/.test(piece.between)))
      )
        break;
      digits += piece.value;
      if (digits.length > maxDigits) break;
      const next = this.#pieces[to + 1];
      if (digits.length < minDigits || (next?.isTight && next.between === '')) continue;
      (this.#isEnd(to) ? ends : others).unshift({ from, to, digits, hasPlus });
    }
    return [...ends, ...others];
  }

  #isEnd(to: number): boolean {
    const next = this.#pieces[to + 1];
    return next === undefined || !next.isDigits || next.between === null || /[,;+:/]/.test(next.between);
  }

  #ruleOf(window: Candidate, cue: Cue | null): string | null {
    const { digits, hasPlus } = window;
    if (hasPlus || /^00[1-9]/.test(digits)) {
      const number = `+${digits.replace(/^00/, '')}`;
      // The zero that is written in brackets and not dialled: +49 (0) 30.
      if (this.#isValid(number) || this.#isValid(number.replace(/^(\+\d{2})0/, '$1'))) return 'phone-international';
      if (hasPlus && cue === 'phone' && digits.length > 8 && this.#isEnd(window.to)) return 'phone-context';
    }
    if (!this.#mayBe(window, cue)) return null;
    return this.#countries.some((country) => this.#isValid(digits, country)) ? 'phone-national' : null;
  }

  /** It is said to be one, or is written as telephone numbers are and nothing else. */
  #mayBe(window: Candidate, cue: Cue | null): boolean {
    const { from, to, digits } = window;
    if (this.#isAmount(window) || this.#isDate(window)) return false;
    if (cue === 'phone' || cue === 'call') return true;
    if (cue !== null || !this.#isEnd(to) || !this.#isWholeStart(from)) return false;
    const pieces = this.#pieces.slice(from, to + 1);
    if (digits.startsWith('0')) return digits.length >= 9 && (pieces.length > 1 || digits.length >= 10);
    if (pieces.every(({ isSpoken, value }) => isSpoken && value.length === 1))
      return digits.length >= 9 && !counting.test(digits);
    const lengths = pieces.map(({ value }) => value.length).join();
    if (this.#countries.includes('US') && lengths === '3,3,4')
      return pieces.slice(1).some(({ between }) => /^[-)(]+$/.test(between ?? ''));
    if (this.#countries.includes('IT') && (lengths === '3,7' || lengths === '3,3,4')) return digits.startsWith('3');
    return this.#countries.includes('ES') && lengths === '3,2,2,2' && /^[67]/.test(digits);
  }

  #isAmount({ from, to }: Candidate): boolean {
    return this.#context.isAmount(this.#pieces[from]?.first ?? 0, this.#pieces[to]?.last ?? 0);
  }

  /** `22.11.2026`, `2026-11-22 10:30`. */
  #isDate({ from, to }: Candidate): boolean {
    const values = this.#pieces.slice(from, to + 1).map(({ value }) => value);
    const isYear = (value = '') => /^(?:19|20)\d\d$/.test(value);
    const isSmall = (value = '') => /^\d{1,2}$/.test(value) && Number(value) <= 31;
    const [first, second, third] = values;
    return (
      (isYear(first) && isSmall(second) && isSmall(third)) ||
      (isSmall(first) && isSmall(second) && isYear(third)) ||
      (values.length > 1 && values.every(isYear))
    );
  }

  #isWholeStart(from: number): boolean {
    const piece = this.#pieces[from];
    return piece?.between == null || !this.#pieces[from - 1]?.isDigits || /[,;+(]/.test(piece.between);
  }

  #isValid(number: string, country?: CountryCode): boolean {
    if (this.#checks <= 0) return false;
    this.#checks -= 1;
    const parsed = parsePhoneNumberFromString(number, {
      extract: false,
      ...(country === undefined ? {} : { defaultCountry: country }),
    });
    return parsed?.isValid() ?? false;
  }
}
