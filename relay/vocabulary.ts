import { z } from '@hono/zod-openapi';
import { charactersNotTaken, takesOnlySmallLetters } from './engines/transcribe-charsets.ts';
import { language } from './settings.ts';
import { mistakeOf, noRules, type Replacement, type TextRules, textRuleLimits } from './text-rules.ts';

/**
 * Names and terms that a talk is full of, for the whole event or a room. The service is given them as a list, which goes
 * along with the call itself: a table would have to lie in a bucket of S3. Of a table's other columns the service
 * does not take SoundsLike and IPA any more, and DisplayAs is done here, by a text rule, for every engine.
 * Developer Guide, Custom vocabularies, and "Creating a custom vocabulary using a list" and "… a table", read 2026-11-21.
 */
export interface Phrase {
  /** As it is spoken and, without `displayAs`, written: words, no digits. */
  readonly phrase: string;
  /** How captions show it; null: as the phrase. */
  readonly displayAs: string | null;
  /** BCP 47; `en` is all English. null: every language that has its characters. */
  readonly language: string | null;
}

/**
 * The service takes entries of fewer than 256 characters, 50 KB in a vocabulary, 100 vocabularies in an account (Custom
 * vocabularies, considerations). A room's list and the event's make one vocabulary, so each may have half.
 */
export const vocabularyLimits = {
  maxPhrases: 1000,
  maxPhraseLength: 255,
  maxListBytes: 25_000,
  maxDisplayed: textRuleLimits.maxReplacements,
} as const;

/** The phrase as the service is given it: its words joined by hyphens, one form of each character. */
export function entryOf(phrase: string, languageCode: string): string {
  const entry = phrase
    .normalize('NFC')
    .trim()
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[\s\u2010\u2011]+/g, '-');
  return takesOnlySmallLetters(languageCode) ? entry.toLocaleLowerCase(languageCode) : entry;
}

/** Why no language takes such a phrase, as a sentence; null where one may. */
export function mistakeInPhrase(phrase: string): string | null {
  if (/\p{Nd}/u.test(phrase))
    return 'must have no digits, which Transcribe does not take in vocabularies: spell them out ("web three"), and say how it is written in displayAs ("Web3")';
  if (!/\p{L}/u.test(phrase)) return 'must have a letter';
  if (/,/.test(phrase)) return 'must be one phrase without commas';
  return null;
}

/** Why a phrase cannot be in a vocabulary of this language, as a sentence; null where it can, or the service has to say. */
export function mistakeInLanguage(phrase: string, languageCode: string): string | null {
  const not = charactersNotTaken(entryOf(phrase, languageCode), languageCode);
  if (not.length === 0) return null;
  return `Transcribe does not take ${not.map((each) => `"${each}"`).join(', ')} in vocabularies of ${languageCode}: write it with that language's letters, and as it should be shown in displayAs`;
}

const isFor = (spoken: string | null, languageCode: string) =>
  spoken === null || languageCode === spoken || languageCode.startsWith(`${spoken}-`);

const oneLine = [/^[^\p{Cc}\u2028\u2029]*$/u, 'must be one line without control characters'] as const;
const phraseSchema = z
  .strictObject({
    phrase: z
      .string()
      .trim()
      .min(1)
      .max(vocabularyLimits.maxPhraseLength)
      .regex(...oneLine)
      .describe('A name or term of one or several words, as it is spoken and written; digits spelled out'),
    displayAs: z
      .string()
      .trim()
      .min(1)
      .max(textRuleLimits.maxReplaceLength)
      .regex(...oneLine)
      .nullable()
      .default(null)
      .describe('How captions show it, with any engine; null: as it is'),
    language: language.nullable().default(null).describe('Only for this language; "en" is all English'),
  })
  .superRefine(({ phrase, displayAs, language: spoken }, context) => {
    const mistake = mistakeInPhrase(phrase) ?? (spoken === null ? null : mistakeInLanguage(phrase, spoken));
    if (mistake) context.addIssue({ code: 'custom', path: ['phrase'], message: mistake });
    if (displayAs === null) return;
    const [rule] = displayRules([{ phrase, displayAs, language: spoken }]);
    const unusable = rule && mistakeOf(rule);
    if (unusable) context.addIssue({ code: 'custom', path: ['displayAs'], message: unusable.message });
  });

/** A list as organizers give it; every mistake is told by the phrase's place, `phrases.3.phrase`. */
export const phraseList = z
  .array(phraseSchema)
  .max(vocabularyLimits.maxPhrases)
  .superRefine((phrases, context) => {
    const bytes = phrases.reduce((sum, { phrase }) => sum + Buffer.byteLength(entryOf(phrase, '')) + 1, 0);
    if (bytes > vocabularyLimits.maxListBytes)
      context.addIssue({
        code: 'custom',
        message: `must have no more than ${vocabularyLimits.maxListBytes} bytes in all, this has ${bytes}: the service takes 50 KB, half for the event and half for the room`,
      });
    if (phrases.filter(({ displayAs }) => displayAs !== null).length > vocabularyLimits.maxDisplayed)
      context.addIssue({
        code: 'custom',
        message: `must have no more than ${vocabularyLimits.maxDisplayed} phrases with displayAs`,
      });
    const seen = new Map<string, number>();
    phrases.forEach(({ phrase, language: spoken }, i) => {
      const name = `${spoken ?? ''} ${entryOf(phrase, '')}`;
      const first = seen.get(name);
      if (first === undefined) seen.set(name, i);
      else context.addIssue({ code: 'custom', path: [i, 'phrase'], message: `is phrase ${first} once more` });
    });
  });

/** A phrase that is left out of the vocabulary of a language. */
export interface LeftOut {
  /** Its place in the list. */
  readonly index: number;
  readonly phrase: string;
  readonly language: string;
  readonly message: string;
}

/** What the service is given for one language, each entry once, and which phrases it would not take. */
export function entriesFor(
  phrases: readonly Phrase[],
  languageCode: string,
): { readonly entries: readonly string[]; readonly leftOut: readonly LeftOut[] } {
  const entries = new Set<string>();
  const leftOut: LeftOut[] = [];
  phrases.forEach(({ phrase, language: spoken }, index) => {
    if (!isFor(spoken, languageCode)) return;
    const message = mistakeInLanguage(phrase, languageCode);
    if (message) leftOut.push({ index, phrase, language: languageCode, message });
    else entries.add(entryOf(phrase, languageCode));
  });
  return { entries: [...entries], leftOut };
}

/** The same of names that nobody looked at: one that the language has no letters for is given without its accents, or not at all. */
export function nearestEntries(phrases: readonly Phrase[], languageCode: string): string[] {
  const plain = (phrase: string) => phrase.normalize('NFD').replace(/\p{M}/gu, '');
  return phrases.flatMap(({ phrase }) => {
    const form = [phrase, plain(phrase)].find((each) => mistakeInLanguage(each, languageCode) === null);
    return form === undefined ? [] : entryOf(form, languageCode);
  });
}

/** Text rules that show phrases as they are to be shown, whether the engine writes them with spaces or with hyphens. */
export function displayRules(phrases: readonly Phrase[]): Replacement[] {
  return phrases.flatMap(({ phrase, displayAs, language: spoken }) => {
    if (displayAs === null) return [];
    const forms = new Set([phrase, phrase.replace(/[\s-]+/g, '-'), phrase.replace(/[\s-]+/g, ' ')]);
    return [...forms].map((find) => ({
      find,
      replace: displayAs,
      regex: false,
      case: 'typed' as const,
      language: spoken,
    }));
  });
}

/** A room's text rules, and after them how the phrases of its vocabulary are to be shown. */
export function roomRules({
  textRules = noRules,
  vocabulary = [],
}: {
  readonly textRules?: TextRules;
  readonly vocabulary?: readonly Phrase[];
}): TextRules {
  return { ...textRules, replacements: [...textRules.replacements, ...displayRules(vocabulary)] };
}
