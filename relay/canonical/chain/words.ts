/** What the steps hand on to each other. */
import { isSpaced } from '../../cue-text.ts';

/** From `start_ms` up to `end_ms`, in ms since the first sample. */
export interface Interval {
  readonly start_ms: number;
  readonly end_ms: number;
}

/** A word with the marks around it: the words of a segment are its text, letter for letter. */
export interface Word extends Interval {
  readonly w: string;
  /** 0 to 1; null: unknown. */
  readonly conf: number | null;
  /** A space stands before it, unless it is the first. */
  readonly hasSpaceBefore: boolean;
  /** Its time is a share of the time around it: the engine gave none. */
  readonly isGuessed: boolean;
  readonly speaker: string | null;
}

/** What an engine heard in one go. */
export interface Heard extends Interval {
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

/** Texts behind each other as one, with a space between those whose script has spaces. */
export const joinTexts = (texts: readonly string[]): string =>
  texts.reduce((out, text) => (out !== '' && text !== '' && isSpaced(out, text) ? `${out} ${text}` : out + text), '');

/** How long two overlap; 0 where they do not. */
export const overlapMs = (a: Interval, b: Interval): number =>
  Math.max(0, Math.min(a.end_ms, b.end_ms) - Math.max(a.start_ms, b.start_ms));

/** Intervals in order, those that touch or overlap made one; what is empty or ends before it begins is left out. */
export function merged(intervals: readonly Interval[]): Interval[] {
  const out: { start_ms: number; end_ms: number }[] = [];
  const ordered = intervals
    .filter(({ start_ms, end_ms }) => end_ms > start_ms)
    .toSorted((a, b) => a.start_ms - b.start_ms);
  for (const { start_ms, end_ms } of ordered) {
    const last = out.at(-1);
    if (last && start_ms <= last.end_ms) last.end_ms = Math.max(last.end_ms, end_ms);
    else out.push({ start_ms, end_ms });
  }
  return out;
}
