import type { NumberWords } from './number-words.ts';
import type { Token } from './tokens.ts';

/** A number that was said: its digits, and the token behind it. */
export interface SaidNumber {
  readonly digits: string;
  readonly next: number;
}

/** What may still be added to a number that ends so: 20 takes 1 to 9, 100 up to 99, 1000 up to 999; what is 0 nothing. */
function roomOf(value: number, isVigesimal: boolean): number {
  if (value === 0) return 0;
  if (value % 1_000_000 === 0) return 999_999;
  if (value % 1000 === 0) return 999;
  if (value % 100 === 0) return 99;
  const tens = value % 100;
  if (isVigesimal && (tens === 60 || tens === 80)) return 19;
  return tens >= 20 && tens % 10 === 0 ? 9 : 0;
}

/**
 * The number that begins at a token, as long as it goes: `forty one` is 41, `four one` is 4. With `isApart` nothing but a
 * hyphen joins words, for who reads `forty, one` out without the comma.
 */
export function saidNumber(
  tokens: readonly Token[],
  at: number,
  words: NumberWords,
  isApart: boolean,
): SaidNumber | null {
  const repeat = words.repeats.get(tokens[at]?.text ?? '');
  if (repeat !== undefined) {
    const unitAt = wordAfter(tokens, at, (word) => words.values.has(word), words.fillers);
    const unit = unitAt === null ? undefined : words.values.get(tokens[unitAt]?.text ?? '');
    if (unitAt !== null && unit !== undefined && unit < 10)
      return { digits: String(unit).repeat(repeat), next: unitAt + 1 };
    return null;
  }
  const first = numberOf(tokens[at], words);
  if (first === null) return null;
  let total = 0;
  let group = first;
  let room = roomOf(first, words.isVigesimal);
  let next = at + 1;
  for (;;) {
    const joint = tokens[next];
    if (joint === undefined || (joint.kind === 'space' ? isApart : joint.text !== '-')) break;
    const token = tokens[next + 1];
    if (token?.kind !== 'word') break;
    const word = token.text;
    const added = words.values.get(word);
    if (words.isVigesimal && group % 100 === 4 && (word === 'vingt' || word === 'vingts')) {
      group += 76;
      room = roomOf(group, true);
    } else if (words.hundred.has(word) && group > 0 && group < 100) {
      group *= 100;
      room = 99;
    } else if (words.thousand.has(word) && group > 0 && group < 1000) {
      total += group * 1000;
      group = 0;
      room = 999;
    } else if (words.million.has(word) && group > 0 && group < 1000 && total === 0) {
      total = group * 1_000_000;
      group = 0;
      room = 999_999;
    } else if (words.isVigesimal && group % 20 === 10 && added !== undefined && added > 6 && added < 10) {
      // Beyond sixteen: `dix sept`, `soixante dix huit`, `quatre vingt dix neuf`.
      group += added;
      room = 0;
    } else if (added !== undefined && added > 0 && added <= room) {
      group += added;
      room = Math.min(roomOf(added, words.isVigesimal), room);
    } else if (added === undefined && words.links.has(word) && room >= 9) {
      const linked = numberOf(tokens[next + 3], words);
      if (tokens[next + 2]?.kind !== 'space' || linked === null || linked === 0 || linked > room) break;
      if (!isLink(word, room, linked)) break;
      group += linked;
      room = roomOf(linked, words.isVigesimal);
      next += 4;
      continue;
    } else break;
    next += 2;
  }
  const value = total + group;
  const plural = tokens[next]?.kind === 'space' ? words.plurals.get(tokens[next + 1]?.text ?? '') : undefined;
  if (plural !== undefined && value > 1 && value < 7) return { digits: String(plural).repeat(value), next: next + 2 };
  return { digits: String(value), next };
}

/** `two hundred and five` (and not `twenty and five`), `treinta y cinco`, `vingt et un`, `soixante et onze`. */
function isLink(word: string, room: number, linked: number): boolean {
  if (word === 'and') return room >= 99;
  if (word === 'et') return (room === 9 && linked === 1) || (room === 19 && linked === 11);
  return word === 'y' ? room === 9 : false;
}

function numberOf(token: Token | undefined, words: NumberWords): number | null {
  if (token?.kind !== 'word') return null;
  if (words.hundred.has(token.text)) return 100;
  if (words.thousand.has(token.text)) return 1000;
  return words.values.get(token.text) ?? null;
}

/** The next word that is so, over spaces and at most two fillers. */
function wordAfter(
  tokens: readonly Token[],
  at: number,
  isWanted: (word: string) => boolean,
  fillers: ReadonlySet<string>,
): number | null {
  for (let index = at + 1; index <= at + 6; index += 1) {
    const token = tokens[index];
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'space' && token.text !== '-')) return null;
    if (token.kind !== 'word') continue;
    if (isWanted(token.text)) return index;
    if (!fillers.has(token.text)) return null;
  }
  return null;
}
