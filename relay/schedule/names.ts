import { mistakeInPhrase, vocabularyLimits } from '../vocabulary.ts';

/** Of one talk; a title has a few. */
const maxNames = 30;
const maxRun = 4;
const maxOrdinary = 200_000;

const word = /[\p{L}\p{M}\p{N}]+(?:[.'’+_-][\p{L}\p{M}\p{N}]+)*/gu;
const wordsOf = (text: string) => text.normalize('NFC').match(word) ?? [];

/** Words that stand somewhere in small letters: what begins with a capital elsewhere is no name for that. */
export function ordinaryWords(texts: Iterable<string>): Set<string> {
  const found = new Set<string>();
  for (const text of texts)
    for (const each of wordsOf(text))
      if (each === each.toLowerCase()) {
        if (found.size >= maxOrdinary) return found;
        found.add(each);
      }
  return found;
}

const isCapitalised = (each: string) => /^\p{Lu}/u.test(each);
/** As in PostgreSQL, eBPF, WASM. */
const isOdd = (each: string) => /\p{L}.*\p{Lu}/u.test(each) && each.length > 3;

/** A speaker without what stands in brackets, as pronouns, and without the sign of a handle. */
const personIn = (speaker: string) =>
  speaker
    .replace(/[([{<][^)\]}>]*[)\]}>]?/g, ' ')
    .replace(/[@"“”„«»]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** Runs of neighbours of which each is a name; the punctuation between words ends a run. */
function namesInTitle(title: string, german: boolean, ordinary: ReadonlySet<string>): string[] {
  const found: string[] = [];
  for (const part of title.normalize('NFC').split(/[^\p{L}\p{M}\p{N}\s.'’+_-]+/u)) {
    let run: string[] = [];
    const words = wordsOf(part);
    words.forEach((each, i) => {
      // In German every noun has a capital; a sentence begins with one anywhere.
      const begins = i === 0;
      const isName = isOdd(each) || (!german && !begins && isCapitalised(each) && each.length > 2);
      const isTaken = isName || (begins && !german && isCapitalised(each) && each.length > 3);
      if (isTaken && !ordinary.has(each.toLowerCase()) && run.length < maxRun) run.push(each);
      else {
        found.push(run.join(' '));
        run = [];
      }
    });
    found.push(run.join(' '));
  }
  return found.filter((each) => each !== '');
}

/** What an engine would not guess of a talk: its speakers, and what looks like a name in its title. */
export function namesIn(
  { title, speakers, language }: { title: string; speakers: readonly string[]; language: string | null },
  ordinary: ReadonlySet<string>,
): string[] {
  const inTitle = namesInTitle(title, language?.split('-')[0] === 'de', ordinary);
  const all = [...speakers.map(personIn), ...inTitle].filter(
    (each) => each.length > 1 && each.length <= vocabularyLimits.maxPhraseLength && mistakeInPhrase(each) === null,
  );
  return [...new Set(all)].slice(0, maxNames);
}
