/** What the steps hand on to each other, and how a text becomes words with times. */
import { keyOf, tokensOf } from '../../cue-words.ts';
import type { Interval } from './stretches.ts';

/** A part of what an engine said, with its time. */
export interface Said extends Interval {
  readonly w: string;
  /** 0 to 1; null: unknown. */
  readonly conf: number | null;
  /** Its time is a share of the time around it: the engine gave none, or one that cannot be. */
  readonly isGuessed: boolean;
}

/** A word with the marks around it: the words of a sentence are its text, letter for letter. */
export interface Word extends Said {
  /** A space stands before it, unless it is the first. */
  readonly hasSpaceBefore: boolean;
  readonly speaker: string | null;
}

/** What an engine heard in one go. */
export interface Heard extends Interval {
  readonly language: string;
  readonly words: readonly Word[];
}

/** A sentence, or as much of one as is bearable: of one speaker, in one language. */
export interface Sentence extends Interval {
  readonly words: readonly Word[];
  readonly speaker: string | null;
  readonly language: string;
}

export const textOf = (words: readonly Word[]): string =>
  words.map(({ w, hasSpaceBefore }, i) => (hasSpaceBefore && i > 0 ? ` ${w}` : w)).join('');

/** Something to read, and not marks alone. */
export const isWord = ({ w }: { readonly w: string }): boolean => /[\p{L}\p{N}]/u.test(w);

export const countWords = (of: readonly { readonly words: readonly Word[] }[]): number =>
  of.reduce((sum, { words }) => sum + words.filter(isWord).length, 0);

/**
 * The words of a text that was said in that time, each with the time of its letters. What of the text was not said (another
 * text stands for it) has a share of the time between the words around it, and no confidence.
 */
export function wordsIn(text: string, language: string, time: Interval, said: readonly Said[]): Word[] {
  const tokens = tokensOf({
    caption: {
      ...{ type: 'caption', seq: 0, final: true, text, language, start: time.start_ms, end: time.end_ms },
      ...{ speaker: null, late: false, stream: '', from: 0, to: 0 },
    },
    words: said.map(({ w, start_ms, end_ms }) => [w, start_ms, end_ms]),
    isAmended: false,
  });
  const origins = originsOf(
    tokens.map((token) => keyOf(token.text)),
    said,
  );
  let isGuessed = origins.find((origin) => origin !== 'marks')?.isGuessed ?? true;
  return tokens.map((token, i) => {
    const origin = origins[i];
    // Marks alone stand and fall with the word before them.
    if (origin !== undefined && origin !== 'marks') isGuessed = origin.isGuessed;
    return {
      ...{ w: token.text, start_ms: Math.round(token.startMs), end_ms: Math.round(token.endMs) },
      conf: origin === 'marks' ? null : (origin?.conf ?? null),
      ...{ isGuessed, hasSpaceBefore: token.hasSpaceBefore, speaker: null },
    };
  });
}

interface Origin {
  readonly conf: number | null;
  readonly isGuessed: boolean;
}

const unknown: Origin = { conf: null, isGuessed: true };

/** What is known of each text, by the letters that it shares with what was said. */
function originsOf(keys: readonly string[], said: readonly Said[]): (Origin | 'marks')[] {
  const parts: { readonly from: number; readonly to: number; readonly said: Said }[] = [];
  let length = 0;
  let spoken = '';
  for (const each of said) {
    const key = keyOf(each.w);
    if (key !== '') parts.push({ from: length, to: length + key.length, said: each });
    length += key.length;
    spoken += key;
  }
  const shown = keys.join('');
  const { head, tail } = commonEnds(shown, spoken);
  const shift = spoken.length - shown.length;
  let at = 0;
  let part = 0;
  return keys.map((key): Origin | 'marks' => {
    const [from, to] = [at, at + key.length];
    at = to;
    if (key === '') return 'marks';
    const isHead = to <= head;
    if (!isHead && from < shown.length - tail) return unknown;
    const [first, last] = isHead ? [from, to] : [from + shift, to + shift];
    while ((parts[part]?.to ?? Number.POSITIVE_INFINITY) <= first) part++;
    const of: Said[] = [];
    for (let i = part; (parts[i]?.from ?? Number.POSITIVE_INFINITY) < last; i++) {
      const { said: each } = parts[i] ?? {};
      if (each) of.push(each);
    }
    const known = of.flatMap(({ conf }) => conf ?? []);
    return {
      conf: known.length === of.length ? known.reduce((sum, conf) => sum + conf, 0) / known.length : null,
      isGuessed: of.some((each) => each.isGuessed),
    };
  });
}

function commonEnds(a: string, b: string): { readonly head: number; readonly tail: number } {
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < most - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  return { head, tail };
}
