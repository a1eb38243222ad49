import { mistakeInPhrase, vocabularyLimits } from '../vocabulary.ts';

/** Of one talk; a title has a few. */
const maxNames = 30;
const maxRun = 4;
const maxOrdinary = 200_000;
/** With fewer words seen nobody can say whether the first of a title is a name. */
const minOrdinary = 300;

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
  const text = title.normalize('NFC');
  // In German every noun has a capital; elsewhere a title may have them throughout, and a sentence begins with one.
  const isKnown = ordinary.size >= minOrdinary;
  const isShouted = wordsOf(text).every((each, i) => i === 0 || each.length <= 3 || isCapitalised(each));
  const capitalsTell = !german && (isKnown || !isShouted);
  for (const part of text.split(/[^\p{L}\p{M}\p{N}\s.'’+_-]+/u)) {
    let run: string[] = [];
    wordsOf(part).forEach((each, i) => {
      const isName = isOdd(each) || (capitalsTell && isCapitalised(each) && each.length > 2 && (i > 0 || isKnown));
      if (isName && !ordinary.has(each.toLowerCase()) && run.length < maxRun) run.push(each);
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
