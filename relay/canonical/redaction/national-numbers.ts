import {
  isAustrianInsurance,
  isCodiceFiscale,
  isFrenchNir,
  isGermanPensionNumber,
  isGermanTaxId,
  isNhsNumber,
  isSpanishId,
  isSwissAhv,
  isUkNino,
  isUsSsn,
  passesLuhn,
} from './checksums.ts';
import type { Context, Cue } from './context.ts';
import type { Finding } from './finding.ts';
import { isJoined, type Piece } from './pieces.ts';

interface NationalNumber {
  readonly rule: string;
  readonly length: number;
  readonly holds: (text: string) => boolean;
  /**
   * How sure the number alone is. `certain`: a strong check. `likely`: taken in its language unless something else is spoken
   * of. `written`: so, too, where it is written as such numbers are. `cue`: only where it is spoken of.
   */
  readonly alone: 'certain' | 'likely' | 'written' | 'cue';
  readonly languages: readonly string[];
}

const numbers: readonly NationalNumber[] = [
  { rule: 'it-codice-fiscale', length: 16, holds: isCodiceFiscale, alone: 'certain', languages: [] },
  { rule: 'fr-nir', length: 15, holds: isFrenchNir, alone: 'certain', languages: [] },
  { rule: 'ch-ahv', length: 13, holds: isSwissAhv, alone: 'likely', languages: ['de', 'fr', 'it'] },
  { rule: 'de-pension', length: 12, holds: isGermanPensionNumber, alone: 'likely', languages: ['de'] },
  { rule: 'de-tax-id', length: 11, holds: isGermanTaxId, alone: 'likely', languages: ['de'] },
  {
    rule: 'it-partita-iva',
    length: 11,
    holds: (text) => /^[0-9]{11}$/.test(text) && passesLuhn(text),
    alone: 'cue',
    languages: [],
  },
  { rule: 'at-insurance', length: 10, holds: isAustrianInsurance, alone: 'cue', languages: [] },
  { rule: 'uk-nhs', length: 10, holds: isNhsNumber, alone: 'cue', languages: [] },
  { rule: 'es-dni', length: 9, holds: isSpanishId, alone: 'written', languages: ['es'] },
  { rule: 'uk-nino', length: 9, holds: isUkNino, alone: 'written', languages: ['en'] },
  { rule: 'us-ssn', length: 9, holds: isUsSsn, alone: 'written', languages: ['en'] },
];
const lengths = new Set(numbers.map(({ length }) => length));
const maxLength = Math.max(...lengths);
const cues: ReadonlySet<Cue> = new Set<Cue>(['id', 'other', 'version', 'phone', 'call', 'iban']);

/** Numbers that states give to people, each by its own check digit. */
export function nationalNumbersIn(pieces: readonly Piece[], context: Context, language: string): Finding[] {
  const findings: Finding[] = [];
  const tongue = language.toLowerCase().split('-')[0] ?? '';
  for (let from = 0; from < pieces.length; from += 1) {
    const found = numberFrom(pieces, from, context, tongue);
    if (found === null) continue;
    const [to, rule] = found;
    findings.push({ start: pieces[from]?.start ?? 0, end: pieces[to]?.end ?? 0, type: 'id', rule });
    from = to;
  }
  return findings;
}

/** The longest that begins at a piece. */
function numberFrom(pieces: readonly Piece[], from: number, context: Context, tongue: string): [number, string] | null {
  const head = pieces[from];
  if (head === undefined || (from > 0 && isStuck(head))) return null;
  let [letters, hasDigits] = [0, false];
  let longest: [number, string] | null = null;
  for (let to = from; to < pieces.length; to += 1) {
    const piece = pieces[to];
    if (piece === undefined || (to > from && !isJoined(piece))) break;
    letters += piece.value.length;
    hasDigits ||= piece.isDigits;
    if (letters > maxLength) break;
    // All but the longest have digits: common words are passed over without another look.
    if (!lengths.has(letters) || (!hasDigits && letters < maxLength)) continue;
    const next = pieces[to + 1];
    if (next !== undefined && isStuck(next)) continue;
    const number = numberOf(valueIn(pieces, from, to), isWhole(pieces, from, to));
    if (number !== undefined && isTaken(number, pieces, from, to, context, tongue)) longest = [to, number.rule];
  }
  return longest;
}

const numberOf = (text: string, isAll: boolean): NationalNumber | undefined =>
  numbers.find(({ length, holds, alone }) => length === text.length && (isAll || alone === 'certain') && holds(text));

function valueIn(pieces: readonly Piece[], from: number, to: number): string {
  let text = '';
  for (let at = from; at <= to; at += 1) text += pieces[at]?.value ?? '';
  return text;
}

/** Nothing is between it and the piece before. */
const isStuck = ({ between, isTight }: Piece) => isTight && (between === '' || between === "'" || between === '_');

function isTaken(
  { alone, languages }: NationalNumber,
  pieces: readonly Piece[],
  from: number,
  to: number,
  context: Context,
  tongue: string,
): boolean {
  if (alone === 'certain') return true;
  const head = pieces[from];
  const tail = pieces[to];
  if (head === undefined || tail === undefined) return false;
  if (context.isAmount(head.first, tail.last)) return false;
  const cue = context.near(head.first, tail.last, cues);
  if (cue === 'id') return true;
  if (alone === 'cue' || cue !== null || !languages.includes(tongue)) return false;
  return alone === 'likely' || isWritten(pieces.slice(from, to + 1));
}

/** No more digits stand beside it. */
function isWhole(pieces: readonly Piece[], from: number, to: number): boolean {
  const head = pieces[from];
  const next = pieces[to + 1];
  const isEdge = (piece: Piece) => !isJoined(piece) || (piece.between ?? '').includes(',');
  const isFirst = head === undefined || !pieces[from - 1]?.isDigits || isEdge(head);
  return isFirst && (next === undefined || !next.isDigits || isEdge(next));
}

/** `123-45-6789` with hyphens, `12345678Z` and `AB 12 34 56 C` with capital letters, or a letter by a name that is no other word. */
function isWritten(pieces: readonly Piece[]): boolean {
  const letters = pieces.filter(({ isDigits }) => !isDigits);
  if (letters.length > 0)
    return letters.every(({ isCapital, isSpoken, start, end }) => isCapital || (isSpoken && end - start > 2));
  const [, ...rest] = pieces;
  const isGrouped = pieces.map(({ value, isSpoken }) => (isSpoken ? 0 : value.length)).join() === '3,2,4';
  return isGrouped && rest.every(({ between, isTight }) => between === '-' && isTight);
}
