import { RE2JS } from 're2js';
import { isSpace, spacesIn } from './pattern-reach.ts';

/** A text and what prefilters look at. */
export class Subject {
  readonly text: string;
  /** Without regard to case: what two spellings of a word have in common. */
  readonly folded: string;
  #endings: Endings | null = null;

  constructor(text: string) {
    this.text = text;
    this.folded = foldOf(text);
  }

  /** The first place before `edge` from which on a literal, as they are compared, could go on beyond it; null: nowhere. */
  opening(literal: string, edge: number): number | null {
    if (this.#endings?.edge !== edge) this.#endings = new Endings(this.text, edge);
    return this.#endings.opening(literal);
  }
}

/** What stands before an edge, from each place where a literal may begin; looked for as far back as literals are long. */
class Endings {
  readonly edge: number;
  readonly #text: string;
  /** By their first letter, the shortest first: most literals begin with another one. */
  readonly #found = new Map<string, Ending[]>();
  #longest = 0;
  #next: number;

  constructor(text: string, edge: number) {
    this.edge = edge;
    this.#text = text.slice(0, edge);
    this.#next = edge - 1;
  }

  opening(literal: string): number | null {
    this.#lookBack(literal.length);
    return this.#found.get(literal[0] ?? '')?.findLast(({ folded }) => literal.startsWith(folded))?.at ?? null;
  }

  #lookBack(length: number): void {
    for (; this.#next >= 0 && this.#longest < length; this.#next--) {
      const first = characterAt(this.#text, this.#next);
      const before = characterBefore(this.#text, this.#next);
      if (!first || (before && isSpaced(before) && isSpaced(first))) continue;
      const folded = comparable(this.#text.slice(this.#next));
      const alike = this.#found.get(folded[0] ?? '');
      if (alike) alike.push({ at: this.#next, folded });
      else this.#found.set(folded[0] ?? '', [{ at: this.#next, folded }]);
      this.#longest = folded.length;
    }
  }
}

/** The end of a text from a place on, as literals are compared. */
interface Ending {
  readonly at: number;
  readonly folded: string;
}

/** A pattern in RE2 syntax, ready to be matched. */
export type Pattern = RE2JS;

/** Where a rule finds something: offsets in UTF-16 units, never empty, in order, not overlapping. */
export interface Found {
  readonly from: number;
  readonly to: number;
  /** A capture group by number or name; empty where it took no part. */
  group(key: number | string): string;
}

export type Finder = (subject: Subject) => Iterable<Found>;

/** Letters and digits that stand in words with spaces around them. */
const spaced =
  /[[\p{L}\p{N}\p{M}]--[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]]/v;
/** Korean words begin after a space; particles follow them without one. */
const hangul = /\p{scx=Hang}/u;
const mark = /\p{M}/u;

/**
 * Finds a literal as whole words, without regard to case, spaces of any length and either apostrophe. Where the script
 * has no spaces between words, it is a plain substring.
 * @param standing a longer literal that holds `find` and is found as a whole: what it stands for already
 */
export function literalFinder(find: string, standing: string | null): Finder {
  const sources = [...(standing === null ? [] : [sourceOf(standing)]), sourceOf(find)];
  const anywhere = new RegExp(sources.join('|'), 'giu');
  const here = sources.map((source) => new RegExp(source, 'iuy'));
  const key = foldOf(find)
    .split(/[\s'’]+/)
    .reduce((longest, each) => (each.length > longest.length ? each : longest), '');
  return function* (subject) {
    if (!subject.folded.includes(key)) return;
    const { text } = subject;
    for (let at = 0; ; ) {
      anywhere.lastIndex = at;
      const from = anywhere.exec(text)?.index;
      if (from === undefined) return;
      const to = here
        .map((pattern) => endAt(pattern, text, from))
        .find((end) => end > from && isWhole(text, from, end));
      if (to !== undefined) yield { from, to, group: () => text.slice(from, to) };
      at = to ?? from + (characterAt(text, from)?.length ?? 1);
    }
  };
}

/** From where one of these literals could go on beyond an edge, whatever follows: see `Reaching`. */
export function literalOpening(literals: readonly string[]): (subject: Subject, edge: number) => number {
  const wanted = literals.map(comparable);
  return (subject, edge) => Math.min(edge, ...wanted.map((literal) => subject.opening(literal, edge) ?? edge));
}

/** The same of a pattern: it reaches over no more words than it can hold spaces. */
export function patternOpening(source: string): (subject: Subject, edge: number) => number {
  const spaces = spacesIn(source);
  return ({ text }, edge) => {
    let at = spaces === Number.POSITIVE_INFINITY ? 0 : edge;
    for (let left = spaces; at > 0; at--) if (isSpace(text[at - 1] ?? '') && left-- === 0) break;
    return at;
  };
}

/** Finds what a compiled pattern matches, empty matches left out. */
export function patternFinder(pattern: Pattern): Finder {
  return function* ({ text }) {
    if (!pattern.test(text)) return; // several times as fast as a search for the place
    const matcher = pattern.matcher(text);
    while (matcher.find()) {
      const [from, to] = [matcher.start(), matcher.end()];
      if (to > from) yield { from, to, group: (key) => matcher.group(key) ?? '' };
    }
  };
}

/**
 * A pattern in RE2 syntax, matched in time linear in the text.
 * @throws {Error} in words, where it is none, costs too much or can match nothing at all
 */
export function compilePattern(source: string, maxSize: number): Pattern {
  const pattern = RE2JS.compile(source);
  if (pattern.programSize() > maxSize)
    throw new Error(
      `the pattern costs too much (${pattern.programSize()} steps, at most ${maxSize}); use smaller repeats`,
    );
  for (const sample of ['', 'a', 'a b', '1'])
    for (const match of pattern.matchAll(sample))
      if (match[0] === '')
        throw new Error('the pattern also matches where there is nothing; make it match a character');
  return pattern;
}

/** As literals are found: whatever the case, spaces of any length, either apostrophe. */
const comparable = (text: string) => foldOf(text).replace(/\s+/g, ' ').replaceAll('’', "'");

function endAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** Whether no word goes on beyond either end. */
function isWhole(text: string, from: number, to: number): boolean {
  const [before, first] = [characterBefore(text, from), characterAt(text, from)];
  const [last, after] = [characterBefore(text, to), characterAt(text, to)];
  if (after !== undefined && mark.test(after)) return false;
  const goesOn = last && after && isSpaced(last) && isSpaced(after) && !hangul.test(last) && !hangul.test(after);
  return !goesOn && !(before && first && isSpaced(before) && isSpaced(first));
}

const isSpaced = (character: string) => spaced.test(character);

function characterAt(text: string, at: number): string | undefined {
  const code = text.codePointAt(at);
  return code === undefined ? undefined : String.fromCodePoint(code);
}

function characterBefore(text: string, at: number): string | undefined {
  const pair = at >= 2 ? characterAt(text, at - 2) : undefined;
  return pair?.length === 2 ? pair : at >= 1 ? text[at - 1] : undefined;
}

/** Twice, so that letters with two small forms and signs that look like letters meet. */
const foldOf = (text: string) => text.toLowerCase().toUpperCase();

const sourceOf = (literal: string) =>
  literal
    .split(/\s+/)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/['’]/g, "['’]"))
    .join('\\s+');
