import { messageOf } from '../systemd/errors.ts';
import type { SaidWord } from './said.ts';
import {
  compilePattern,
  type Finder,
  type Found,
  literalFinder,
  literalOpening,
  type Pattern,
  patternFinder,
  patternOpening,
  Subject,
} from './text-match.ts';
import { type Reaching, settledAfter, settledShown } from './text-settled.ts';
import { type Edit, edited, gapAround, type Placed, place, retime } from './text-words.ts';

/** What an organizer has replaced in every caption. */
export interface Replacement {
  /** A literal, found as whole words whatever their case; with `regex` a pattern in RE2 syntax. */
  readonly find: string;
  /** Empty: what is found is taken out. In a pattern's, `$1` and `${name}` are its groups, `$$` is a dollar. */
  readonly replace: string;
  readonly regex: boolean;
  /** `found`: a replacement in small letters begins with a capital, or is all capitals, where what it replaces is so. */
  readonly case: 'found' | 'typed';
  /** BCP 47; `en` is all English. null: every language. */
  readonly language: string | null;
}

/** What may not be shown: a literal, found like that of a replacement. */
export interface BlockedWord {
  readonly word: string;
  readonly method: 'mask' | 'drop';
  readonly language: string | null;
}

export interface TextRules {
  readonly replacements: readonly Replacement[];
  readonly blocked: readonly BlockedWord[];
}

export const noRules: TextRules = { replacements: [], blocked: [] };

/** `maxPatternSize`: instructions of a compiled pattern; each costs up to 26 ns a character (measured, re2js 2.10). */
export const textRuleLimits = {
  maxReplacements: 200,
  maxBlocked: 500,
  maxFindLength: 100,
  maxReplaceLength: 200,
  maxPatternSize: 500,
  maxPatternSizes: 8000,
  maxMatches: 200,
} as const;

/** The longest text that replacements may make of one so long. */
export const maxGrown = (length: number) => 4 * length + 400;

/** What stands for a blocked word. */
export const maskText = '***';

/** Text and words before or after rules; the words' times are whatever the caller counts in. */
export interface Shown {
  /** Empty: nothing is left to show. */
  readonly text: string;
  readonly words: readonly SaidWord[];
}

/** Whose rules they are. */
export type RuleScope = 'room' | 'event';

interface CompiledRule extends Reaching {
  /** Its place in the rules: `replacements.3`. */
  readonly name: string;
  readonly find: string;
  readonly language: string | null;
  readonly finder: Finder;
  /** Instructions of its pattern; 0 of a literal. */
  readonly patternSize: number;
  readonly write: (found: Found, text: string, language: string) => string;
}

/** Rules that are ready to be applied. */
export interface CompiledRules {
  readonly scope: RuleScope;
  readonly replacements: readonly CompiledRule[];
  readonly blocked: readonly CompiledRule[];
}

/** A rule that acted, or matched and was left out. */
export interface RuleNote {
  readonly scope: RuleScope;
  readonly rule: string;
  readonly find: string;
}

export interface Outcome extends Shown {
  readonly acted: readonly RuleNote[];
  /** Of a text that was settled in part: so many UTF-16 units at its beginning stay as they are, whatever follows; as long as
   * rules and language are the same and none is left out. */
  readonly settled: number;
  /** They would have made the text too long, or matched too often: the text is as if they were not there. */
  readonly leftOut: readonly RuleNote[];
}

/** What is wrong with a rule, and in which of its fields. */
export class RuleMistake extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.name = 'RuleMistake';
    this.field = field;
  }
}

/** What is wrong with a rule, in words; null where it can be used. */
export function mistakeOf(rule: Replacement | BlockedWord): RuleMistake | null {
  const outcome = compiled(rule, '');
  return outcome instanceof RuleMistake ? outcome : null;
}

/** What all patterns of these rules cost together; those that cannot be used cost nothing. */
export function patternSizesOf({ replacements }: TextRules): number {
  return replacements.reduce((sum, rule) => {
    const outcome = rule.regex ? compiled(rule, '') : null;
    return sum + (outcome instanceof RuleMistake ? 0 : (outcome?.patternSize ?? 0));
  }, 0);
}

/** Compiles once what is applied to every caption; rules that cannot be used are told to `unusable` and left out. */
export function compileRules(
  scope: RuleScope,
  { replacements, blocked }: TextRules,
  unusable: (rule: string, message: string) => void,
): CompiledRules {
  const ready = (rules: readonly (Replacement | BlockedWord)[], list: string) =>
    rules.flatMap((rule, i) => {
      const outcome = compiled(rule, `${list}.${i}`);
      if (!(outcome instanceof RuleMistake)) return [outcome];
      unusable(`${list}.${i}`, outcome.message);
      return [];
    });
  return { scope, replacements: ready(replacements, 'replacements'), blocked: ready(blocked, 'blocked') };
}

/**
 * Applies rules to a partial or final: the replacements of all `sets` one after the other, each to what the ones before it
 * made, then the blocked words of all until none is left. It takes time linear in the text for each rule that acts.
 * @param settled so many UTF-16 units at the beginning of the text will not change any more
 */
export function applyRules(sets: readonly CompiledRules[], said: Shown, language: string, settled = 0): Outcome {
  const draft = new Draft(said, language, settled);
  for (const { scope, replacements } of sets)
    for (const rule of replacements) draft.apply(rule, scope, maxGrown(said.text.length));
  // Each time round there are fewer letters, or less is settled, so this ends.
  for (let again = true; again; ) {
    again = false;
    for (const { scope, blocked } of sets)
      for (const rule of blocked) if (draft.apply(rule, scope, Number.POSITIVE_INFINITY)) again = true;
    // With more text there may be more rounds, each of which may reach further back than the one before.
    if (!again) again = draft.settle(sets.flatMap(({ blocked }) => blocked));
  }
  return draft.outcome();
}

/** A text while rules are applied to it. */
class Draft {
  readonly #language: string;
  readonly #words: readonly SaidWord[];
  readonly #acted = new Map<CompiledRule, RuleNote>();
  readonly #leftOut: RuleNote[] = [];
  #subject: Subject;
  #placed: Placed[] | null = null;
  #tookOut = false;
  #settled: number;

  constructor({ text, words }: Shown, language: string, settled: number) {
    this.#subject = new Subject(text);
    this.#words = words;
    this.#language = language;
    this.#settled = settled;
  }

  /** Whether the rule changed the text. */
  apply(rule: CompiledRule, scope: RuleScope, maxLength: number): boolean {
    if (!this.#concerns(rule)) return false;
    const { text } = this.#subject;
    const edits = this.#edits(rule, maxLength);
    const note = { scope, rule: rule.name, find: rule.find };
    if (edits === null) this.#leftOut.push(note);
    if (this.#settled > 0) this.#settled = settledAfter(rule, this.#subject, edits, this.#settled);
    if (edits === null || edits.length === 0) return false;
    const after = edited(text, edits);
    if (after === text) return false;
    this.#placed = retime(this.#placed ?? place(text, this.#words), edits, after);
    this.#subject = new Subject(after);
    this.#acted.set(rule, note);
    this.#tookOut ||= rule.takesOut;
    return true;
  }

  /** What is settled still is when these rules are asked once more; whether it became less. */
  settle(rules: readonly CompiledRule[]): boolean {
    const before = this.#settled;
    for (const rule of rules)
      if (this.#settled > 0 && this.#concerns(rule))
        this.#settled = settledAfter(rule, this.#subject, [], this.#settled);
    return this.#settled < before;
  }

  outcome(): Outcome {
    const acted = [...this.#acted.values()];
    const words = this.#placed?.map(({ word }) => word) ?? this.#words;
    const text = acted.length > 0 ? this.#subject.text.trim() : this.#subject.text;
    // Where a word was taken out, marks that are left alone are nothing to show.
    const isEmpty = this.#tookOut && !text.includes(maskText) && !/[^\s\p{P}]/u.test(text);
    return {
      text: isEmpty ? '' : text,
      words: isEmpty ? [] : words,
      acted,
      settled: isEmpty ? 0 : settledShown(this.#subject.text, this.#settled),
      leftOut: this.#leftOut,
    };
  }

  #concerns({ language }: CompiledRule): boolean {
    return language === null || isWithin(this.#language, language);
  }

  /** null where they would make the text longer than `maxLength`, or a pattern matches too often. */
  #edits(rule: CompiledRule, maxLength: number): Edit[] | null {
    const { text } = this.#subject;
    const edits: Edit[] = [];
    let length = text.length;
    let matches = 0;
    for (const found of rule.finder(this.#subject)) {
      if (maxLength !== Number.POSITIVE_INFINITY && ++matches > textRuleLimits.maxMatches) return null;
      const edit = rule.takesOut
        ? widened(text, found, edits)
        : { from: found.from, to: found.to, text: rule.write(found, text, this.#language) };
      length += edit.text.length - (edit.to - edit.from);
      if (length > maxLength) return null;
      edits.push(edit);
    }
    return edits;
  }
}

/** Takes a word out with the gap it leaves; one that follows another is taken out together with it. */
function widened(text: string, { from, to }: Found, edits: Edit[]): Edit {
  const last = edits.at(-1);
  const together = last && /^[\s,;:、，；：]*$/.test(text.slice(last.to, from)) ? edits.pop() : undefined;
  const gap = gapAround(text, together?.from ?? from, to);
  return { from: Math.max(gap.from, edits.at(-1)?.to ?? 0), to: gap.to, text: '' };
}

function compiled(rule: Replacement | BlockedWord, name: string): CompiledRule | RuleMistake {
  try {
    if ('word' in rule) return blockedRule(rule, name);
    return rule.regex ? patternRule(rule, name) : literalRule(rule, name);
  } catch (error) {
    if (error instanceof RuleMistake) return error;
    throw error;
  }
}

function blockedRule({ word, method, language }: BlockedWord, name: string): CompiledRule {
  checkLiteral('word', word);
  const finder = literalFinder(word, null);
  return {
    ...{ name, find: word, language, finder, patternSize: 0, takesOut: method === 'drop' },
    opens: literalOpening([word]),
    write: () => maskText,
  };
}

function literalRule({ find, replace, case: letters, language }: Replacement, name: string): CompiledRule {
  checkLiteral('find', find);
  // "Verdi" to "Sala Verdi" leaves a "Sala Verdi" that is there already as it is.
  const holdsFind = [...literalFinder(find, null)(new Subject(replace))].length > 0;
  const standing = holdsFind ? replace : null;
  return {
    name,
    find,
    language,
    finder: literalFinder(find, standing),
    opens: literalOpening([find, ...(standing === null ? [] : [standing])]),
    patternSize: 0,
    takesOut: replace === '',
    write: (found, text, spoken) =>
      letters === 'typed' || replace !== replace.toLowerCase()
        ? replace
        : inCaseOf(text.slice(found.from, found.to), replace, spoken),
  };
}

/** @throws {RuleMistake} */
function patternRule({ find, replace, language }: Replacement, name: string): CompiledRule {
  const pattern = patternOf(find);
  return {
    name,
    find,
    language,
    finder: patternFinder(pattern),
    opens: patternOpening(find),
    patternSize: pattern.programSize(),
    takesOut: false,
    write: templateOf(replace, pattern),
  };
}

/** @throws {RuleMistake} */
function checkLiteral(field: string, literal: string): void {
  if (!/[\p{L}\p{N}]/u.test(literal))
    throw new RuleMistake(field, 'must hold a letter or digit; to find signs alone, use a pattern ("regex": true)');
}

/** @throws {RuleMistake} */
function patternOf(find: string): Pattern {
  try {
    return compilePattern(find, textRuleLimits.maxPatternSize);
  } catch (error) {
    throw new RuleMistake('find', messageOf(error));
  }
}

/** @throws {RuleMistake} where it names a group that the pattern has not */
function templateOf(replace: string, pattern: Pattern): (found: Found) => string {
  const names = pattern.namedGroups();
  const parts = replace.split(/(\$\$|\$\d{1,2}|\$\{\w+\})/).map((part): string | { group: number | string } => {
    if (part === '$$') return '$';
    if (!/^\$(\d|\{)/.test(part)) return part;
    const name = part.replace(/[${}]/g, '');
    const group = /^\d+$/.test(name) ? Number(name) : name;
    const known = typeof group === 'number' ? group <= pattern.groupCount() : Object.hasOwn(names, group);
    if (known) return { group };
    throw new RuleMistake('replace', `the pattern has no group ${part}; a dollar is written $$`);
  });
  return (found) => parts.map((part) => (typeof part === 'string' ? part : found.group(part.group))).join('');
}

/** Small letters as what was found has them: as they are, with a capital first, or all capitals. */
function inCaseOf(found: string, replace: string, language: string): string {
  const isCapital = (text: string) => text !== text.toLowerCase() && text === text.toUpperCase();
  const letters = found.replace(/\P{L}/gu, '');
  if ([...letters].length > 1 && isCapital(letters)) return upper(replace, language);
  const [first = ''] = found;
  const [initial = '', ...rest] = replace;
  return isCapital(first) ? upper(initial, language) + rest.join('') : replace;
}

/** Capitals of that language (Turkish has its own i). */
function upper(text: string, language: string): string {
  try {
    return text.toLocaleUpperCase(language || undefined);
  } catch {
    return text.toUpperCase(); // what the engine named is no language tag
  }
}

function isWithin(language: string, wanted: string): boolean {
  const [spoken, asked] = [language.toLowerCase(), wanted.toLowerCase()];
  return spoken === asked || spoken.startsWith(`${asked}-`);
}
