import { z } from 'zod';
import type { SaidWord } from '../../said.ts';
import {
  applyRules,
  type CompiledRules,
  compileRules,
  noRules,
  type Replacement,
  type RuleNote,
  type TextRules,
} from '../../text-rules.ts';
import { ChainError } from './chain-error.ts';
import { type Said, type Sentence, textOf, type Word, wordsIn } from './words.ts';

const language = z.string().nullable();
const rules = z.object({
  replacements: z.array(
    z.object({ find: z.string(), replace: z.string(), regex: z.boolean(), case: z.enum(['found', 'typed']), language }),
  ),
  blocked: z.array(z.object({ word: z.string(), method: z.enum(['mask', 'drop']), language })),
});
/** A manifest's `text_rules`: those of the room, then those of the event; or one set; null: none. */
const manifestRules = z.union([z.object({ room: rules, event: rules }), rules, z.null()]);

/**
 * The spelling of the vocabulary, and the organizers' rules as they stand in a manifest.
 * @throws {ChainError} of text rules that are none: what was to be hidden would be shown
 */
export function rulesOf(textRules: unknown, vocabulary: readonly string[], texts: Iterable<string>): RuleSets {
  const parsed = manifestRules.safeParse(textRules ?? null);
  if (!parsed.success)
    throw new ChainError(
      'bad-text-rules',
      `The manifest's text rules cannot be read: ${z.prettifyError(parsed.error)}`,
      'Archive the talk again with this version of the relay, so that what organizers had hidden stays hidden',
    );
  const { data } = parsed;
  const [room, event]: TextRules[] =
    data === null ? [noRules, noRules] : 'room' in data ? [data.room, data.event] : [data, noRules];
  const unusable: string[] = [];
  const spelled: TextRules = { replacements: spellings(vocabulary, texts), blocked: [] };
  return {
    sets: [
      compileRules('room', room ?? noRules, (rule) => unusable.push(`room ${rule}`)),
      compileRules('event', event ?? noRules, (rule) => unusable.push(`event ${rule}`)),
    ],
    spelling: compileRules('event', spelled, () => {}),
    unusable,
  };
}

export interface RuleSets {
  readonly sets: readonly CompiledRules[];
  readonly spelling: CompiledRules;
  /** Rules that this version cannot use any more. */
  readonly unusable: readonly string[];
}

const wordPattern = /[\p{L}\p{N}\p{M}]+/gu;

/**
 * A phrase is written as in the vocabulary, whether the engine heard it with capitals, hyphens or spaces. A name that has no
 * other capital than its first may be a word like any other ("May"): it is left alone where the engine writes capitals.
 */
function spellings(vocabulary: readonly string[], texts: Iterable<string>): Replacement[] {
  if (vocabulary.length === 0) return [];
  const said = new Set<string>();
  let hasCapitals = false;
  for (const text of texts) {
    for (const word of text.toLowerCase().match(wordPattern) ?? []) said.add(word);
    hasCapitals ||= /\p{Lu}/u.test(text);
  }
  return [...new Set(vocabulary)].flatMap((phrase): Replacement[] => {
    const words = phrase.match(wordPattern) ?? [];
    const isPlain = words.length === 1 && !/\p{Lu}/u.test(phrase.slice(1));
    if (words.length === 0 || (isPlain && hasCapitals)) return [];
    const isSaid = (form: string) => (form.toLowerCase().match(wordPattern) ?? []).every((word) => said.has(word));
    return [...new Set([phrase, words.join(' '), words.join('-')])]
      .filter(isSaid)
      .map((find) => ({ find, replace: phrase, regex: false, case: 'found', language: null }));
  });
}

/** What rules did. */
export interface RuleTally {
  /** How many sentences each rule changed. */
  readonly acted: Map<string, number>;
  /** How often a rule was left out: it would have made a text too long, or matched too often. */
  readonly leftOut: Map<string, number>;
  /** Sentences of which nothing is left. */
  removedByRules: number;
}

/** Sentences in the vocabulary's spelling and after the rules, which have the last word; what replaces words has their time. */
export function* replaced(
  sentences: Iterable<Sentence>,
  { sets, spelling }: RuleSets,
  tally: RuleTally,
): Generator<Sentence, void> {
  const count = (counts: Map<string, number>, notes: readonly RuleNote[]) => {
    for (const name of new Set(notes.map(nameOf))) counts.set(name, (counts.get(name) ?? 0) + 1);
  };
  for (const sentence of sentences) {
    const text = textOf(sentence.words);
    const said = {
      text,
      words: sentence.words.map(({ w, start_ms, end_ms }) => ({ text: w, from: start_ms, to: end_ms })),
    };
    const spelled = applyRules([spelling], said, sentence.language);
    const ruled = applyRules(sets, spelled, sentence.language);
    count(tally.acted, ruled.acted);
    count(tally.leftOut, ruled.leftOut);
    if (ruled.text === text) {
      yield sentence;
      continue;
    }
    const words = wordsIn(ruled.text, sentence.language, sentence, origins(ruled.words, sentence.words));
    if (words.length === 0) tally.removedByRules++;
    else yield { ...sentence, words: words.map((word) => ({ ...word, speaker: sentence.speaker })) };
  }
}

const nameOf = ({ scope, rule }: RuleNote) => `${scope} ${rule}`;

/** What is known of the words that came out as they went in. */
function origins(words: readonly SaidWord[], before: readonly Word[]): Said[] {
  let at = 0;
  return words.map(({ text, from, to }) => {
    const found = before.findIndex(
      ({ w, start_ms, end_ms }, i) => i >= at && w === text && start_ms === from && end_ms === to,
    );
    if (found >= 0) at = found + 1;
    const same = before[found];
    return { w: text, start_ms: from, end_ms: to, conf: same?.conf ?? null, isGuessed: same?.isGuessed ?? true };
  });
}
