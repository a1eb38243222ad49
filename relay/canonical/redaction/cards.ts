import { passesLuhn } from './checksums.ts';
import type { Context, Cue } from './context.ts';
import type { Finding } from './finding.ts';
import { isJoined, type Piece } from './pieces.ts';

/** Beginnings and lengths that card schemes give out; the usual length of each first. */
const schemes: ReadonlyArray<readonly [RegExp, readonly number[]]> = [
  [/^4/, [16, 19, 13]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^3(?:0[0-5]|095|[689])/, [14, 16, 19]],
  [/^35(?:2[89]|[3-8])/, [16, 19]],
  [/^(?:6011|64[4-9]|65|62|81)/, [16, 19]],
  [/^(?:50|5[6-8]|6)/, [16, 18, 19]],
];
const cues: ReadonlySet<Cue> = new Set<Cue>(['card', 'phone', 'iban', 'id', 'other']);
const maxDigits = 19;

/**
 * Cards by their beginning, length and check digit; or, where a card is spoken of, of its length alone: a digit that was
 * misheard must not bring the rest of the number to readers.
 */
export function cardsIn(pieces: readonly Piece[], context: Context): Finding[] {
  const findings: Finding[] = [];
  for (let from = 0; from < pieces.length; from += 1) {
    if (!pieces[from]?.isDigits || isInside(pieces, from)) continue;
    const to = cardFrom(pieces, from);
    if (to !== null) {
      findings.push(finding(pieces, from, to, 'card-luhn'));
      from = to;
    } else if (isRunStart(pieces, from)) {
      const end = runEnd(pieces, from);
      if (end === null) continue;
      const first = pieces[from]?.first ?? 0;
      if (context.near(first, pieces[end]?.last ?? 0, cues) === 'card')
        findings.push(finding(pieces, from, end, 'card-context'));
    }
  }
  return findings;
}

function finding(pieces: readonly Piece[], from: number, to: number, rule: string): Finding {
  return { start: pieces[from]?.start ?? 0, end: pieces[to]?.end ?? 0, type: 'card', rule };
}

/** The piece that ends a card that begins here. */
function cardFrom(pieces: readonly Piece[], from: number): number | null {
  let digits = '';
  let lengths: readonly number[] | null = null;
  let best: number | null = null;
  let bestRank = Number.POSITIVE_INFINITY;
  for (let to = from; to < pieces.length; to += 1) {
    const piece = pieces[to];
    if (piece === undefined || !piece.isDigits || (to > from && !isJoined(piece))) break;
    digits += piece.value;
    if (digits.length > maxDigits) break;
    if (digits.length < 13) continue;
    lengths ??= schemes.find(([beginning]) => beginning.test(digits))?.[1] ?? [];
    const rank = lengths.indexOf(digits.length);
    if (rank < 0 || rank >= bestRank || !passesLuhn(digits) || /^(\d)\1*$/.test(digits)) continue;
    // The unusual lengths are taken for cards only where they are all that was said.
    if (rank > 0 && !(isRunStart(pieces, from) && isRunEnd(pieces, to))) continue;
    if (isTightlyFollowed(pieces, to) || isThousands(pieces, from, to)) continue;
    best = to;
    bestRank = rank;
  }
  return best;
}

/** The end of a run of digits that is as long as most cards are. */
function runEnd(pieces: readonly Piece[], from: number): number | null {
  let length = 0;
  for (let to = from; to < pieces.length; to += 1) {
    const piece = pieces[to];
    if (piece === undefined || !piece.isDigits || (to > from && !isJoined(piece))) break;
    length += piece.value.length;
    if (length > maxDigits) return null;
    if (isRunEnd(pieces, to))
      return length >= 15 && !isTightlyFollowed(pieces, to) && !isThousands(pieces, from, to) ? to : null;
  }
  return null;
}

function isRunStart(pieces: readonly Piece[], from: number): boolean {
  const piece = pieces[from];
  return piece !== undefined && (!isJoined(piece) || !pieces[from - 1]?.isDigits);
}

function isRunEnd(pieces: readonly Piece[], to: number): boolean {
  const next = pieces[to + 1];
  return next === undefined || !next.isDigits || !isJoined(next);
}

/** In a word such as `a4111`, or behind the point of a fraction. */
function isInside(pieces: readonly Piece[], from: number): boolean {
  const piece = pieces[from];
  const before = pieces[from - 1];
  if (piece === undefined || before === undefined || !piece.isTight) return false;
  if (piece.between === '') return true;
  return before.isDigits && (piece.between === '.' || piece.between === ',') && piece.value.length > 4;
}

function isTightlyFollowed(pieces: readonly Piece[], to: number): boolean {
  const next = pieces[to + 1];
  return next?.isTight === true && next.between === '';
}

/** `4,539,148,803,436`: a sum, and no card. */
function isThousands(pieces: readonly Piece[], from: number, to: number): boolean {
  if (to === from || (pieces[from]?.value.length ?? 0) > 3) return false;
  const mark = pieces[from + 1]?.between;
  if (mark !== ',' && mark !== '.' && mark !== "'") return false;
  for (let index = from + 1; index <= to; index += 1) {
    const piece = pieces[index];
    if (piece?.value.length !== 3 || piece.between !== mark || !piece.isTight || piece.isSpoken) return false;
  }
  return true;
}
