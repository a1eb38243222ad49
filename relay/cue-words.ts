import { breakCost, costs, endsSentence, unspacedCost } from './cue-grammar.ts';
import { cleaned, isWide, lettersOf, unspaced, widthOf } from './cue-text.ts';
import type { SpokenCaption, SpokenWord } from './transcript.ts';

/** Letters in a line; a line of wide letters holds fewer. */
export const maxLetters = { narrow: 42, wide: 16 };

/** What stands on one line whole: a word, or a piece of one that is too long or is written without spaces. */
export interface Token {
  readonly text: string;
  /** In letters, as people see them. */
  readonly width: number;
  readonly isWide: boolean;
  readonly hasSpaceBefore: boolean;
  /** Room time. */
  readonly startMs: number;
  readonly endMs: number;
  /** What a break behind it costs, see cue-grammar.ts. */
  readonly cost: number;
  readonly isSentenceEnd: boolean;
}

interface Piece {
  readonly text: string;
  readonly hasSpaceBefore: boolean;
  readonly cost: number;
}

/** The words of a caption in order, each with its time; what has none of its own gets its share, by letters. */
export function tokensOf({ caption, words }: SpokenCaption): Token[] {
  const pieces = piecesOf(cleaned(caption.text), caption.language);
  const times = timesOf(
    pieces.map(({ text }) => text),
    words,
    caption.start,
    Math.max(caption.start, caption.end),
  );
  return pieces.map((piece, i) => {
    const [startMs, endMs] = times[i] ?? [caption.start, caption.end];
    const { text, hasSpaceBefore } = piece;
    const isLast = i === pieces.length - 1;
    const isSentenceEnd = isLast ? endsSentence(text, undefined, caption.language) : piece.cost === costs.sentence;
    const cost = isLast ? Math.min(costs.caption, breakCost(text, '', caption.language)) : piece.cost;
    return { text, width: widthOf(text), isWide: isWide(text), hasSpaceBefore, startMs, endMs, cost, isSentenceEnd };
  });
}

function piecesOf(text: string, language: string): Piece[] {
  const words = text === '' ? [] : text.split(' ');
  return words.flatMap((word, i) => {
    const next = words[i + 1];
    const cost = next === undefined ? costs.caption : breakCost(word, next, language);
    const parts = partsOf(word, language);
    return parts.flatMap((part, k): Piece[] => {
      const following = parts[k + 1];
      const cut = cutUp(part);
      return cut.map((piece, m) => ({
        text: piece,
        hasSpaceBefore: i > 0 && k === 0 && m === 0,
        cost: m < cut.length - 1 ? costs.inside : following === undefined ? cost : unspacedCost(part, following),
      }));
    });
  });
}

/** A word's parts between which a line may break without a hyphen. */
function partsOf(word: string, language: string): string[] {
  if (!unspaced.test(word)) return word.split(/(?<=[\p{L}\p{N}][—–])(?=[\p{L}\p{N}])/u);
  const parts: string[] = [];
  let opening = '';
  for (const { segment, isWordLike } of segmenterOf(language).segment(word)) {
    if (!isWordLike && /^[「『（〈《【〔“‘([{¿¡]$/u.test(segment)) {
      opening += segment;
      continue;
    }
    const last = parts.at(-1);
    if (isWordLike || opening !== '' || last === undefined) parts.push(opening + segment);
    else parts[parts.length - 1] = last + segment;
    opening = '';
  }
  if (opening !== '') parts.push(opening);
  return parts;
}

const segmenters = new Map<string, Intl.Segmenter>();
const maxSegmenters = 50;

function segmenterOf(language: string): Intl.Segmenter {
  const known = segmenters.get(language);
  if (known) return known;
  if (segmenters.size >= maxSegmenters) segmenters.clear();
  let made: Intl.Segmenter;
  try {
    made = new Intl.Segmenter(language, { granularity: 'word' });
  } catch {
    made = new Intl.Segmenter('und', { granularity: 'word' }); // no language tag
  }
  segmenters.set(language, made);
  return made;
}

/** What is longer than a line, in equal parts. */
function cutUp(text: string): string[] {
  const max = isWide(text) ? maxLetters.wide : maxLetters.narrow;
  if (text.length <= max) return [text];
  const letters = lettersOf(text);
  const count = Math.ceil(letters.length / max);
  const size = Math.ceil(letters.length / count);
  return Array.from({ length: count }, (_, i) => letters.slice(i * size, (i + 1) * size).join('')).filter(Boolean);
}

type Span = readonly [startMs: number, endMs: number];

interface Said {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly span: Span;
}

/** A text's letters and digits, by which what was said is found again in what is shown. */
export const keyOf = (text: string) => text.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M}]+/gu, '');
/** Pairs of words that are compared where a text was changed in its midst. */
const maxPairs = 40_000;

/**
 * Times of texts that were said between `startMs` and `endMs`: of the words that are still there, and shares of the time
 * between them for what was changed.
 */
export function timesOf(
  texts: readonly string[],
  words: readonly SpokenWord[],
  startMs: number,
  endMs: number,
): Span[] {
  const within = (ms: number) => Math.min(endMs, Math.max(startMs, ms));
  const isSame = texts.length === words.length && words.every(([text], i) => text === texts[i]);
  if (isSame)
    return filled(
      words.map(([, from, to]): Span => [within(from), within(to)]),
      texts,
      startMs,
      endMs,
    );
  const said: Said[] = [];
  let length = 0;
  for (const [text, from, to] of words) {
    const key = keyOf(text);
    if (key === '') continue;
    said.push({ key, from: length, to: length + key.length, span: [within(from), within(to)] });
    length += key.length;
  }
  const keys = texts.map(keyOf);
  return filled(matched(keys, said), keys, startMs, endMs);
}

function matched(keys: readonly string[], said: readonly Said[]): (Span | undefined)[] {
  const spans: (Span | undefined)[] = keys.map(() => undefined);
  const [shown, spoken] = [keys.join(''), said.map(({ key }) => key).join('')];
  let same = 0;
  while (same < shown.length && same < spoken.length && shown[same] === spoken[same]) same++;
  let tail = 0;
  const most = Math.min(shown.length, spoken.length) - same;
  while (tail < most && shown[shown.length - 1 - tail] === spoken[spoken.length - 1 - tail]) tail++;
  const shift = spoken.length - shown.length;
  const timeAt = walker(said);
  const changed: number[] = [];
  let from = 0;
  keys.forEach((key, i) => {
    const to = from + key.length;
    if (key !== '' && to <= same) spans[i] = timeAt(from, to);
    else if (key !== '' && from >= shown.length - tail) spans[i] = timeAt(from + shift, to + shift);
    else if (key !== '') changed.push(i);
    from = to;
  });
  const left = said.filter((word) => word.from >= same && word.to <= spoken.length - tail);
  for (const [i, word] of commonOf(changed, left, (i, word) => keys[i] === word.key)) spans[i] = word.span;
  return spans;
}

/** When a stretch of letters was said; asked in order. */
function walker(said: readonly Said[]): (from: number, to: number) => Span {
  let at = 0;
  const find = (letter: number) => {
    for (let word = said[at]; word && word.to <= letter; word = said[at]) at++;
    return said[at];
  };
  const inside = ({ from, to, span: [start, end] }: Said, letter: number) =>
    start + ((end - start) * (letter - from)) / (to - from);
  return (from, to) => {
    const first = find(from);
    const start = first ? inside(first, from) : 0;
    const last = find(to - 1);
    return [start, last ? inside(last, to) : start];
  };
}

/** The longest sequence that both have in common. */
function commonOf<A, B>(a: readonly A[], b: readonly B[], isSame: (a: A, b: B) => boolean): [A, B][] {
  if (a.length * b.length > maxPairs || a.length === 0 || b.length === 0) return [];
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  const at = (i: number, k: number) => lengths[i * width + k] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let k = b.length - 1; k >= 0; k--) {
      const [x, y] = [a[i], b[k]];
      const is = x !== undefined && y !== undefined && isSame(x, y);
      lengths[i * width + k] = is ? at(i + 1, k + 1) + 1 : Math.max(at(i + 1, k), at(i, k + 1));
    }
  const common: [A, B][] = [];
  for (let i = 0, k = 0; i < a.length && k < b.length; ) {
    const [x, y] = [a[i], b[k]];
    if (x !== undefined && y !== undefined && isSame(x, y)) {
      common.push([x, y]);
      i++;
      k++;
    } else if (at(i + 1, k) >= at(i, k + 1)) i++;
    else k++;
  }
  return common;
}

/** Spans for all, never backwards. */
function filled(spans: readonly (Span | undefined)[], keys: readonly string[], startMs: number, endMs: number): Span[] {
  const out: Span[] = [];
  let before = startMs;
  for (let i = 0; i < spans.length; ) {
    const span = spans[i];
    if (span) {
      const start = Math.max(out.at(-1)?.[0] ?? startMs, span[0]);
      before = Math.max(before, start, span[1]);
      out.push([start, Math.max(start, span[1])]);
      i++;
      continue;
    }
    let to = i;
    while (to < spans.length && !spans[to]) to++;
    const until = Math.max(before, spans[to]?.[0] ?? endMs);
    const letters = keys.slice(i, to).reduce((sum, key) => sum + key.length, 0);
    const parts = letters || to - i;
    let done = 0;
    const at = () => before + ((until - before) * done) / parts;
    for (; i < to; i++) {
      const start = at();
      done += letters > 0 ? (keys[i]?.length ?? 0) : 1;
      out.push([start, at()]);
    }
    before = until;
  }
  return out;
}
