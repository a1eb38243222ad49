import { type SaidNumber, saidNumber } from './cardinals.ts';
import type { NumberWords } from './number-words.ts';
import { type LetterNames, spelledLetter } from './spelling.ts';
import type { Token } from './tokens.ts';

/** Digits or letters that numbers are made of, written or said. */
export interface Piece {
  /** ASCII: digits, or capital letters. */
  readonly value: string;
  readonly isDigits: boolean;
  readonly isSpoken: boolean;
  /** Written with a capital letter first. */
  readonly isCapital: boolean;
  /** Letters of the text. */
  readonly start: number;
  readonly end: number;
  /** Where a plus or a bracket right before it begins; else as `start`. */
  readonly opening: number;
  /** Its first and last token. */
  readonly first: number;
  readonly last: number;
  /**
   * The marks between the piece before and this one, said ones too, a full stop that ends something as a comma; spaces and
   * words such as `then` are no marks. null: something else is between them.
   */
  readonly between: string | null;
  /** Nothing but the marks is between them. */
  readonly isTight: boolean;
}

/** A way to read a text. */
export interface Reading {
  readonly words: NumberWords;
  /** `forty one` is 40 and 1. */
  readonly isApart: boolean;
  /** Words may be names of letters; null: they are not. */
  readonly letters: LetterNames | null;
}

/** Marks that are said, in any language. */
const saidMarks = new Map([
  ...['dot', 'point', 'punto', 'punkt'].map((word): [string, string] => [word, '.']),
  ...['dash', 'hyphen', 'minus', 'trattino', 'meno', 'bindestrich', 'strich', 'tiret', 'guion'].map(
    (word): [string, string] => [word, '-'],
  ),
  ...['slash', 'barra', 'schragstrich'].map((word): [string, string] => [word, '/']),
  ...['colon', 'doppelpunkt'].map((word): [string, string] => [word, ':']),
  ...['plus', 'piu', 'mas'].map((word): [string, string] => [word, '+']),
]);
/** `due punti`, and not two of something. */
const colons = new Map([
  ['due', 'punti'],
  ['deux', 'points'],
  ['dos', 'puntos'],
]);
const writtenMarks = new Map([
  ...Array.from('./:,;()+_\'#*[]|\\"', (mark): [string, string] => [mark, mark]),
  ...Array.from('-‐‑‒–—―−', (mark): [string, string] => [mark, '-']),
  ...Array.from('·•․', (mark): [string, string] => [mark, '.']),
  ['…', ','],
  ['’', "'"],
]);
/** Marks that numbers which belong together never have between them. */
const apart = /[+:#*|"]/;

/** It may go on what the piece before began; the digits of a fraction do not. */
export function isJoined({ between, isTight, isSpoken, value }: Piece): boolean {
  if (between === null || apart.test(between)) return false;
  return !(isTight && !isSpoken && value.length > 4 && /^[.,]$/.test(between));
}

const plainWord = /^[a-z]{1,34}$/;
/** More marks or words between two pieces keep them apart. */
const maxMarks = 4;
const maxFillers = 3;

export function piecesOf(tokens: readonly Token[], reading: Reading): Piece[] {
  const builder = new PieceBuilder(tokens, reading);
  return builder.pieces;
}

class PieceBuilder {
  readonly pieces: Piece[] = [];
  readonly #tokens: readonly Token[];
  #between: string | null = null;
  #isTight = true;
  #fillers = 0;
  #opening: number | null = null;

  constructor(tokens: readonly Token[], reading: Reading) {
    this.#tokens = tokens;
    for (let at = 0; at < tokens.length; ) at = this.#read(at, reading);
  }

  /** What begins at a token; the token behind it. */
  #read(at: number, { words, isApart, letters }: Reading): number {
    const token = this.#tokens[at];
    if (token === undefined) return at + 1;
    if (token.kind === 'space') {
      this.#isTight = false;
      return at + 1;
    }
    if (token.kind === 'mark') {
      const mark = writtenMarks.get(token.text) ?? null;
      const isEnd = mark === '.' && this.#tokens[at + 1]?.kind === 'space';
      this.#mark(isEnd ? ',' : mark);
      if (mark === '+' || mark === '(') this.#opening ??= token.start;
      else this.#opening = null;
      return at + 1;
    }
    if (token.kind === 'digits') return this.#add(token.text, true, false, at, at + 1);
    const colon = colons.get(token.text);
    if (colon !== undefined && this.#tokens[at + 2]?.text === colon) {
      this.#say(':');
      return at + 3;
    }
    const said: SaidNumber | null = saidNumber(this.#tokens, at, words, isApart);
    // Read apart, hundreds would make numbers of nothing that anyone reads out.
    if (said !== null && !(isApart && said.digits.length > 2)) return this.#add(said.digits, true, true, at, said.next);
    const mark = saidMarks.get(token.text);
    if (mark !== undefined) {
      this.#say(mark);
      if (mark === '+') this.#opening ??= token.start;
      return at + 1;
    }
    if (letters !== null) {
      const spelled = spelledLetter(this.#tokens, at, letters);
      if (spelled !== null) return this.#add(spelled.letter, false, true, at, spelled.next);
    }
    if (words.fillers.has(token.text) && !(token.isCapital && token.text.length === 1)) {
      this.#isTight = false;
      this.#fillers += 1;
      if (this.#fillers > maxFillers) this.#between = null;
      return at + 1;
    }
    if (plainWord.test(token.text)) return this.#add(token.text.toUpperCase(), false, false, at, at + 1);
    this.#between = null;
    return at + 1;
  }

  #say(mark: string): void {
    this.#isTight = false;
    this.#mark(mark);
  }

  #mark(mark: string | null): void {
    if (mark === null || this.#between === null) this.#between = mark === '+' ? '+' : null;
    else this.#between = this.#between.length < maxMarks ? this.#between + mark : null;
  }

  #add(value: string, isDigits: boolean, isSpoken: boolean, first: number, next: number): number {
    const token = this.#tokens[first];
    this.pieces.push({
      value,
      isDigits,
      isSpoken,
      isCapital: token?.isCapital ?? false,
      start: token?.start ?? 0,
      end: this.#tokens[next - 1]?.end ?? 0,
      opening: this.#opening ?? token?.start ?? 0,
      first,
      last: next - 1,
      between: this.#between,
      isTight: this.#isTight,
    });
    this.#between = '';
    this.#isTight = true;
    this.#fillers = 0;
    this.#opening = null;
    return next;
  }
}
