import { breakCost, endsSentence } from '../../cue-grammar.ts';
import { isSpaced, isWide, widthOf } from '../../cue-text.ts';
import type { Heard, Sentence, Word } from './words.ts';

/** A pause that ends a sentence whatever its words say. */
const maxPauseMs = 1500;
/** Engines cut what goes on where their window ends: then nothing is between. */
const seamMs = 300;
/** What is longer is cut where it hurts least. */
const maxMs = 20_000;
const maxLetters = { narrow: 300, wide: 110 };

/** Words to sentences of a bearable length, cut where the speaker or the language changes; in the order of their begin. */
export function* sentencesOf(heard: Iterable<Heard>, languageAt: (ms: number) => string): Generator<Sentence, void> {
  /** Those before which another may still come. */
  const held: Sentence[] = [];
  let run: Word[] = [];
  let language = '';
  const hold = (words: readonly Word[]) => {
    const [first, last] = [words[0], words.at(-1)];
    if (!first || !last) return;
    const { start_ms, speaker } = first;
    held.push({ start_ms, end_ms: Math.max(start_ms, last.end_ms), words, speaker, language });
  };
  const end = () => {
    hold(bearable(run, language, hold));
    run = [];
  };
  for (const { start_ms, words } of heard) {
    words.forEach((word, i) => {
      const last = run.at(-1);
      const spoken = languageAt(word.start_ms);
      if (last && (spoken !== language || isApart(last, word, language, i === 0))) end();
      language = spoken;
      const before = run.at(-1);
      // Where two segments meet, the words at their seam know nothing of each other.
      if (before && before.end_ms > word.start_ms) run[run.length - 1] = { ...before, end_ms: word.start_ms };
      run.push(before && i === 0 ? { ...word, hasSpaceBefore: isSpaced(before.w, word.w) } : word);
    });
    // The end of the last word is not sure yet.
    run = [...bearable(run.slice(0, -1), language, hold), ...run.slice(-1)];
    held.sort((a, b) => a.start_ms - b.start_ms);
    const next = Math.min(start_ms, run[0]?.start_ms ?? start_ms);
    const first = held.findIndex((sentence) => sentence.start_ms > next);
    yield* held.splice(0, first < 0 ? held.length : first);
  }
  end();
  yield* held.sort((a, b) => a.start_ms - b.start_ms);
}

function isApart(last: Word, word: Word, language: string, isSeam: boolean): boolean {
  const pauseMs = word.start_ms - last.end_ms;
  return (
    word.speaker !== last.speaker ||
    word.start_ms < last.start_ms ||
    pauseMs > (isSeam ? seamMs : maxPauseMs) ||
    (isSeam && pauseMs < -seamMs) ||
    endsSentence(last.w, word.w, language)
  );
}

/**
 * A sentence in as many parts as it takes, each cut at the cheapest place of its second half.
 * @returns the last one, which may still go on
 */
function bearable(words: readonly Word[], language: string, part: (words: readonly Word[]) => void): readonly Word[] {
  let from = 0;
  for (;;) {
    const to = reach(words, from);
    if (to >= words.length) break;
    let [at, least] = [to, Number.POSITIVE_INFINITY];
    for (let i = from + Math.ceil((to - from) / 2); i <= to; i++) {
      const [last, next] = [words[i - 1], words[i]];
      if (!last || !next) continue;
      const cost = next.hasSpaceBefore ? breakCost(last.w, next.w, language) : 1;
      const eased = cost - Math.min(1, Math.max(0, next.start_ms - last.end_ms) / 500);
      if (eased <= least) [at, least] = [i, eased];
    }
    part(words.slice(from, at));
    from = at;
  }
  return words.slice(from);
}

/** How far a part may go that begins there: at least a word. */
function reach(words: readonly Word[], from: number): number {
  const begins = words[from]?.start_ms ?? 0;
  let [letters, isOfWide] = [0, false];
  for (let to = from; to < words.length; to++) {
    const word = words[to];
    if (!word) break;
    letters += widthOf(word.w) + (word.hasSpaceBefore ? 1 : 0);
    isOfWide ||= isWide(word.w);
    const isTooLong = letters > (isOfWide ? maxLetters.wide : maxLetters.narrow) || word.end_ms - begins > maxMs;
    if (isTooLong && to > from) return to;
  }
  return words.length;
}
