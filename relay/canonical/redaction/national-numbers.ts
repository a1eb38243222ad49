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
import type { Piece } from './pieces.ts';

interface NationalNumber {
  readonly rule: string;
  readonly length: number;
  readonly holds: (text: string) => boolean;
  /**
   * How sure the number alone is. `certain`: a strong check. `likely`: taken unless something else is spoken of, and only
   * whole. `written`: where it is written as such numbers are, see `isWritten`. `cue`: only where it is spoken of.
   */
  readonly alone: 'certain' | 'likely' | 'written' | 'cue';
}

const numbers: readonly NationalNumber[] = [
  { rule: 'it-codice-fiscale', length: 16, holds: isCodiceFiscale, alone: 'certain' },
  { rule: 'fr-nir', length: 15, holds: isFrenchNir, alone: 'certain' },
  { rule: 'ch-ahv', length: 13, holds: isSwissAhv, alone: 'likely' },
  { rule: 'de-pension', length: 12, holds: isGermanPensionNumber, alone: 'likely' },
  { rule: 'de-tax-id', length: 11, holds: isGermanTaxId, alone: 'likely' },
  { rule: 'it-partita-iva', length: 11, holds: (text) => /^[0-9]{11}$/.test(text) && passesLuhn(text), alone: 'cue' },
  { rule: 'at-insurance', length: 10, holds: isAustrianInsurance, alone: 'cue' },
  { rule: 'uk-nhs', length: 10, holds: isNhsNumber, alone: 'cue' },
  { rule: 'es-dni', length: 9, holds: isSpanishId, alone: 'written' },
  { rule: 'uk-nino', length: 9, holds: isUkNino, alone: 'written' },
  { rule: 'us-ssn', length: 9, holds: isUsSsn, alone: 'written' },
];
const maxLength = 16;
const cues: ReadonlySet<Cue> = new Set<Cue>(['id', 'other', 'phone', 'call', 'iban']);

/** Numbers that states give to people, each by its own check digit. */
export function nationalNumbersIn(pieces: readonly Piece[], context: Context): Finding[] {
  const findings: Finding[] = [];
  for (let from = 0; from < pieces.length; from += 1) {
    const found = numberFrom(pieces, from, context);
    if (found === null) continue;
    const [to, rule] = found;
    findings.push({ start: pieces[from]?.start ?? 0, end: pieces[to]?.end ?? 0, type: 'id', rule });
    from = to;
  }
  return findings;
}

function numberFrom(pieces: readonly Piece[], from: number, context: Context): [number, string] | null {
  const head = pieces[from];
  if (head === undefined || (from > 0 && isStuck(head))) return null;
  let text = '';
  for (let to = from; to < pieces.length; to += 1) {
    const piece = pieces[to];
    if (piece === undefined || (to > from && !isJoined(piece))) return null;
    text += piece.value;
    if (text.length > maxLength) return null;
    if (text.length < 9) continue;
    const next = pieces[to + 1];
    if (next !== undefined && isStuck(next)) continue;
    const number = numbers.find(({ length, holds }) => length === text.length && holds(text));
    if (number !== undefined && isTaken(number, pieces, from, to, context)) return [to, number.rule];
  }
  return null;
}

/** Nothing is between it and the piece before, or the point of a fraction. */
const isStuck = ({ between, isTight }: Piece) => isTight && (between === '' || between === "'" || between === '_');
const isJoined = ({ between }: Piece) => between !== null && !/[+:#*|"]/.test(between);

function isTaken(
  { alone }: NationalNumber,
  pieces: readonly Piece[],
  from: number,
  to: number,
  context: Context,
): boolean {
  if (alone === 'certain') return true;
  const head = pieces[from];
  const tail = pieces[to];
  if (head === undefined || tail === undefined || context.isAmount(head.first, tail.last)) return false;
  const cue = context.near(head.first, tail.last, cues);
  if (cue === 'id') return true;
  if (alone === 'cue' || cue !== null) return false;
  if (!isWhole(pieces, from, to)) return false;
  return alone === 'likely' || isWritten(pieces.slice(from, to + 1));
}

/** No more digits stand beside it. */
function isWhole(pieces: readonly Piece[], from: number, to: number): boolean {
  const head = pieces[from];
  const next = pieces[to + 1];
  const isFirst =
    head === undefined || !isJoined(head) || !pieces[from - 1]?.isDigits || (head.between ?? '').includes(',');
  return isFirst && (next === undefined || !isJoined(next) || !next.isDigits || (next.between ?? '').includes(','));
}

/** `123-45-6789` with hyphens, `12345678Z` and `AB 12 34 56 C` with capital letters. */
function isWritten(pieces: readonly Piece[]): boolean {
  if (pieces.some(({ isSpoken }) => isSpoken)) return false;
  const letters = pieces.filter(({ isDigits }) => !isDigits);
  if (letters.length > 0) return letters.every(({ isCapital }) => isCapital);
  const [, ...rest] = pieces;
  return (
    pieces.map(({ value }) => value.length).join() === '3,2,4' &&
    rest.every(({ between, isTight }) => between === '-' && isTight)
  );
}
