import { redactSequence } from './redact.ts';

/** Looked through in one go: some 30 ms of the event loop. */
const turnTexts = 40;
/** A number that is read out slowly lies in no more texts than these. */
const reachTexts = 8;

export interface TextOfLanguage {
  readonly text: string;
  readonly language: string;
}

/**
 * As `redactSequence`, for programs that have something else to do: a few texts at a time, each time with what stands before
 * and after them, since a number may go on there.
 * @param step awaited between two turns
 * @returns the texts without private data, as many as were given
 */
export async function redactInTurns(texts: readonly TextOfLanguage[], step: () => Promise<void>): Promise<string[]> {
  const clean: string[] = [];
  for (let from = 0; from < texts.length; from += turnTexts) {
    if (from > 0) await step();
    const first = Math.max(0, from - reachTexts);
    const seen = texts.slice(first, from + turnTexts + reachTexts);
    const cleaned: string[] = [];
    for (const [language, indexes] of Map.groupBy(seen.keys(), (index) => seen[index]?.language ?? '')) {
      const own = [...indexes];
      const found = redactSequence(
        own.map((index) => seen[index]?.text ?? ''),
        language,
      );
      own.forEach((index, at) => {
        cleaned[index] = found[at]?.text ?? '';
      });
    }
    clean.push(...cleaned.slice(from - first, from - first + turnTexts));
  }
  return clean;
}
