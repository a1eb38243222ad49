import { expect, test } from 'vitest';
import { redacted } from '../relay/canonical/chain/redaction.ts';
import { replaced, rulesOf } from '../relay/canonical/chain/replacements.ts';
import { withheldOf } from '../relay/canonical/chain/withheld.ts';
import { type Sentence, textOf } from '../relay/canonical/chain/words.ts';
import type { TextRules } from '../relay/text-rules.ts';
import { aLiveCaption, aSentence, someWords } from './harness/chain-input.ts';

const replacement = (find: string, replace: string) => ({
  find,
  replace,
  regex: false,
  case: 'found' as const,
  language: null,
});
const rules = (replacements: TextRules['replacements'], blocked: TextRules['blocked'] = []) => ({
  replacements,
  blocked,
});
const texts = (sentences: readonly Sentence[]) => sentences.map(({ words }) => textOf(words));
const ruled = (given: readonly Sentence[], textRules: unknown, vocabulary: readonly string[] = []) => {
  const tally = { acted: new Map<string, number>(), leftOut: new Map<string, number>(), removedByRules: 0 };
  const sentences = [...replaced(given, rulesOf(textRules, vocabulary, texts(given)), tally)];
  return { sentences, ...tally };
};

test('what is misheard is replaced, in the time of its words', () => {
  const sentence = aSentence('we use cube or netties daily.', 1000);
  const { sentences, acted } = ruled([sentence], rules([replacement('cube or netties', 'Kubernetes')]));
  expect(sentences[0]?.words.map(({ w, start_ms, end_ms }) => [w, start_ms, end_ms])).toEqual([
    ['we', 1000, 1400],
    ['use', 1400, 1800],
    ['Kubernetes', 1800, 3000],
    ['daily.', 3000, 3400],
  ]);
  expect([...acted]).toEqual([['room replacements.0', 1]]);
});

test('what was not replaced keeps its confidence; what replaces has none', () => {
  const words = someWords('hello wold', 0, 400, { conf: 0.9 });
  const { sentences } = ruled([aSentence('x', 0, { words, end_ms: 800 })], rules([replacement('wold', 'world')]));
  expect(sentences[0]?.words.map(({ w, conf }) => [w, conf])).toEqual([
    ['hello', 0.9],
    ['world', null],
  ]);
});

test('speaker, language and time of a sentence stay', () => {
  const sentence = aSentence('ein wort', 500, { speaker: '3', language: 'de-DE' });
  const [after] = ruled([sentence], rules([replacement('wort', 'Wörtchen hier')])).sentences;
  expect(after).toMatchObject({ start_ms: 500, end_ms: sentence.end_ms, speaker: '3', language: 'de-DE' });
  expect(after?.words.map(({ speaker }) => speaker)).toEqual(['3', '3', '3']);
});

test('blocked words are masked or taken out; a sentence of which nothing is left is counted', () => {
  const blocked = [
    { word: 'damn', method: 'mask' as const, language: null },
    { word: 'secret', method: 'drop' as const, language: null },
  ];
  const outcome = ruled([aSentence('a damn secret thing', 0), aSentence('Secret!', 5000)], rules([], blocked));
  expect(texts(outcome.sentences)).toEqual(['a *** thing']);
  expect(outcome.removedByRules).toBe(1);
});

test('rules of the room come before those of the event', () => {
  const both = { room: rules([replacement('one', 'two')]), event: rules([replacement('two', 'three')]) };
  expect(texts(ruled([aSentence('one', 0)], both).sentences)).toEqual(['three']);
});

test('a rule for another language does nothing', () => {
  const italian = rules([{ ...replacement('sale', 'Sala'), language: 'it' }]);
  expect(texts(ruled([aSentence('for sale', 0)], italian).sentences)).toEqual(['for sale']);
  expect(texts(ruled([aSentence('le sale', 0, { language: 'it-IT' })], italian).sentences)).toEqual(['le Sala']);
});

test('rules that cannot be read end the job: what was to be hidden would be shown', () => {
  for (const bad of [
    { replacements: 'all' },
    'rules',
    { replacements: [], blocked: [{ word: 1 }] },
    { room: rules([]) },
  ])
    expect(() => rulesOf(bad, [], [])).toThrow(
      expect.objectContaining({ code: 'bad-text-rules', hint: expect.any(String) }),
    );
  for (const none of [null, undefined, rules([])])
    expect(texts(ruled([aSentence('as is', 0)], none).sentences)).toEqual(['as is']);
});

test('a rule that this version cannot use is told by its name, and one that would flood the text is left out', () => {
  const unusable = rules([{ ...replacement('(', 'x'), regex: true }]);
  expect(rulesOf(unusable, [], []).unusable).toEqual(['room replacements.0']);
  const flood = rules([replacement('a', 'b'.repeat(200))]);
  const { sentences, leftOut } = ruled([aSentence(Array(50).fill('a').join(' '), 0)], flood);
  expect(texts(sentences)[0]).not.toContain('b');
  expect([...leftOut]).toEqual([['room replacements.0', 1]]);
});

test('the vocabulary is spelled as it was given, with capitals, hyphens and spaces', () => {
  const vocabulary = ['PostgreSQL', 'open-source', 'Ada Lovelace', 'Mark', 'S3'];
  const said = aSentence('with postgresql ada lovelace made Open source.', 0);
  expect(texts(ruled([said], null, vocabulary).sentences)).toEqual(['with PostgreSQL Ada Lovelace made Open-source.']);
});

test('a name that may be a word like any other is left alone where the engine writes capitals', () => {
  expect(texts(ruled([aSentence('You may mark it', 0)], null, ['May', 'Mark']).sentences)).toEqual(['You may mark it']);
  expect(texts(ruled([aSentence('thank you kubernetes', 0)], null, ['Kubernetes']).sentences)).toEqual([
    'thank you Kubernetes',
  ]);
});

test("the organizer's rules have the last word over the vocabulary", () => {
  const outcome = ruled([aSentence('The aws cloud', 0)], rules([replacement('aws', 'Amazon')]), ['AWS']);
  expect(texts(outcome.sentences)).toEqual(['The Amazon cloud']);
});

test('a vocabulary of signs, of hostile patterns or with the same phrase twice does no harm', () => {
  const vocabulary = ['(.*)', '$1', '***', '', 'NATO', 'NATO', '\\'];
  expect(texts(ruled([aSentence('The nato *** talk', 0)], null, vocabulary).sentences)).toEqual(['The NATO *** talk']);
});

const card = '4242 4242 4242 4242';
const clean = (sentences: readonly Sentence[]) => [...redacted(() => sentences)];

test('private data is taken out of the text and of the words, and its place is told', () => {
  const [only] = clean([aSentence(`pay with ${card}, please`, 1000)]);
  expect(textOf(only?.sentence.words ?? [])).toBe('pay with [card], please');
  expect(only?.sentence.words.map(({ w, start_ms, end_ms }) => [w, start_ms, end_ms])).toEqual([
    ['pay', 1000, 1400],
    ['with', 1400, 1800],
    ['[card],', 1800, 3400],
    ['please', 3400, 3800],
  ]);
  expect(only?.found).toEqual([expect.objectContaining({ start: 9, end: 15, type: 'card' })]);
});

test('a number that goes over several sentences leaves nothing in any of them', () => {
  const sentences = [aSentence('it is 4242 4242', 0), aSentence('4242 4242 thanks', 6000)];
  const after = clean(sentences);
  expect(after.map(({ sentence: { words } }) => textOf(words))).toEqual(['it is [card]', '[card] thanks']);
  expect(after.map(({ found }) => found.map(({ start, end }) => [start, end]))).toEqual([[[6, 12]], [[0, 6]]]);
});

test('a word of somebody else in between does not hide a number', () => {
  const sentences = [
    aSentence('it is 4242 4242', 0, { speaker: '0' }),
    aSentence('yes', 4000, { speaker: '1' }),
    aSentence('4242 4242', 5000, { speaker: '0' }),
  ];
  expect(clean(sentences).map(({ sentence: { words } }) => textOf(words))).toEqual(['it is [card]', 'yes', '[card]']);
});

test('several in one sentence, in one word, at both ends', () => {
  const joined = `(4242424242424242/5555555555554444)`;
  const [only] = clean([aSentence(`${card} and ${joined}`, 0)]);
  expect(textOf(only?.sentence.words ?? [])).toBe('[card] and ([card]/[card])');
  const text = textOf(only?.sentence.words ?? []);
  expect(only?.found.map(({ start, end }) => text.slice(start, end))).toEqual(['[card]', '[card]', '[card]']);
});

test('a sentence without private data is the same', () => {
  const sentence = aSentence('nothing here 4242', 0);
  expect(clean([sentence])).toEqual([{ sentence, found: [] }]);
  expect(clean([])).toEqual([]);
});

const segment = (id: number, start_ms: number, end_ms: number) => ({ id, start_ms, end_ms });

test('of an engine that may invent, what has no live words in the same time is withheld', () => {
  const live = [aLiveCaption('good morning', 1000, 4000), aLiveCaption('welcome', 20_000, 21_000)];
  const segments = [
    segment(0, 1000, 4000),
    segment(1, 8000, 12_000),
    segment(2, 20_900, 30_000),
    segment(3, 40_000, 40_000),
  ];
  expect(withheldOf(segments, 'whisper', live)).toEqual([
    { segment: 1, reason: 'No live word was said in the same time.' },
    { segment: 3, reason: 'No live word was said in the same time.' },
  ]);
  for (const engine of ['parakeet', 'pocketsphinx']) expect(withheldOf(segments, engine, live)).toEqual([]);
});

test('a live caption of marks alone is no word, and half a second is no matter', () => {
  expect(withheldOf([segment(0, 1000, 2000)], 'whisper', [aLiveCaption('… ♪', 1000, 2000)])).toHaveLength(1);
  expect(withheldOf([segment(0, 2400, 3000)], 'whisper', [aLiveCaption('so', 1000, 2000)])).toHaveLength(0);
  expect(withheldOf([segment(0, 2600, 3000)], 'whisper', [aLiveCaption('so', 1000, 2000)])).toHaveLength(1);
  expect(withheldOf([segment(0, 100, 600)], 'whisper', [aLiveCaption('so', 1000, 2000)])).toHaveLength(0);
  expect(withheldOf([segment(0, 0, 1)], 'whisper', [])).toHaveLength(1);
});
