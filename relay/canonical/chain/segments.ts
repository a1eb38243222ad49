import { endsSentence } from '../../cue-grammar.ts';
import type { Manifest } from '../contract.ts';
import type { Heard, Sentence, Word } from './words.ts';

/** A pause that ends a sentence whatever its words say. */
const maxPauseMs = 1500;
const maxWords = 60;

/** Words to sentences, cut where the speaker or the language changes. */
export function sentencesOf(heard: readonly Heard[], languages: Manifest['languages']): Sentence[] {
  const sentences: Sentence[] = [];
  const languageAt = (ms: number) =>
    (languages.findLast(({ from_ms }) => from_ms <= ms) ?? languages[0])?.language ?? 'und';
  for (const { words } of heard) {
    let run: Word[] = [];
    const end = () => {
      const [first, last] = [run[0], run.at(-1)];
      if (first && last)
        sentences.push({
          start_ms: first.start_ms,
          end_ms: last.end_ms,
          words: run,
          speaker: first.speaker,
          language: languageAt(first.start_ms),
        });
      run = [];
    };
    words.forEach((word, i) => {
      run.push(word);
      const next = words[i + 1];
      const language = languageAt(run[0]?.start_ms ?? 0);
      if (
        !next ||
        run.length >= maxWords ||
        next.start_ms - word.end_ms > maxPauseMs ||
        next.speaker !== word.speaker ||
        languageAt(next.start_ms) !== language ||
        endsSentence(word.w, next.w, language)
      )
        end();
    });
  }
  return sentences.toSorted((a, b) => a.start_ms - b.start_ms);
}
