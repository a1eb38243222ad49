import { expect, test } from 'vitest';
import { inMs, withoutPauses } from '../relay/canonical/chain/pauses.ts';
import { sentencesOf } from '../relay/canonical/chain/segments.ts';
import type { Interval } from '../relay/canonical/chain/stretches.ts';
import { heardOf } from '../relay/canonical/chain/word-times.ts';
import { type Heard, textOf, type Word } from '../relay/canonical/chain/words.ts';
import { aSegment, someHeard } from './harness/chain-input.ts';

const english = () => 'en-US';
const heard = (...segments: ReturnType<typeof aSegment>[]) => [...heardOf(segments, 60_000, english)];
const timed = (words: readonly Word[]) => words.map(({ w, start_ms, end_ms }) => [w, start_ms, end_ms]);
const word = (w: string, start_ms: number | null, end_ms: number | null, conf: number | null = null) => ({
  ...{ w, start_ms, end_ms, conf },
});

test('words keep the times of the engine, and the marks of the text', () => {
  const [only] = heard(aSegment('hello big world', 1000, { text: 'Hello, big «world».', conf: 0.5 }));
  expect(timed(only?.words ?? [])).toEqual([
    ['Hello,', 1000, 1400],
    ['big', 1400, 1800],
    ['«world».', 1800, 2200],
  ]);
  expect(only?.words.map(({ conf, isGuessed }) => [conf, isGuessed])).toEqual(Array(3).fill([0.5, false]));
});

test('a number without times gets its share of the time between the words around it, by letters', () => {
  const words = [word('we', 1000, 1200), word('have', 1200, 1400), word('24', null, null), word('rooms', 2400, 2800)];
  const [only] = heard({ ...aSegment('we have 24 rooms', 1000), end_ms: 3000, words });
  expect(timed(only?.words ?? [])).toEqual([
    ['we', 1000, 1200],
    ['have', 1200, 1400],
    ['24', 1400, 2400],
    ['rooms', 2400, 2800],
  ]);
  expect(only?.words.map(({ isGuessed }) => isGuessed)).toEqual([false, false, true, false]);

  const two = [word('so', 0, 1000), word('7', null, null), word('000', null, null), word('people', 5000, 6000)];
  const [shared] = heard({ ...aSegment('so 7 000 people', 0), end_ms: 6000, words: two });
  expect(timed(shared?.words ?? []).slice(1, 3)).toEqual([
    ['7', 1000, 2000],
    ['000', 2000, 5000],
  ]);
});

test('a segment without words has those of its text, in shares of its time', () => {
  const [only] = heard({ ...aSegment('one three', 1000), words: [], end_ms: 9000 });
  expect(timed(only?.words ?? [])).toEqual([
    ['one', 1000, 4000],
    ['three', 4000, 9000],
  ]);
  expect(only?.words.every(({ isGuessed }) => isGuessed)).toBe(true);
});

test('a segment without text has that of its words', () => {
  const [only] = heard({ ...aSegment('so it is', 1000), text: ' \n' });
  expect(textOf(only?.words ?? [])).toBe('so it is');
});

test('a segment of nothing, of spaces or of controls is none', () => {
  expect(heard(aSegment('', 1000), { ...aSegment('', 0), text: '\0 \u200b', words: [word(' ', 0, 5)] })).toEqual([]);
});

test('where words are not those of the text, the text counts, and the times of what both have stay', () => {
  const [only] = heard({ ...aSegment('the great wall', 0), text: 'The grey wall' });
  expect(timed(only?.words ?? [])).toEqual([
    ['The', 0, 400],
    ['grey', 400, 800],
    ['wall', 800, 1200],
  ]);
  expect(only?.words.map(({ isGuessed }) => isGuessed)).toEqual([false, true, false]);
});

test('behind a stretch that the text has otherwise, words keep their own time and confidence', () => {
  const words = [
    word('the', 0, 400, 0.9),
    word('big', 400, 800, 0.2),
    word('old', 800, 900, 0.4),
    word('wall', 900, 1300, 0.7),
  ];
  const [only] = heard({ ...aSegment('', 0), text: 'the enormous old wall', end_ms: 1300, words });
  expect(only?.words.map(({ w, start_ms, conf, isGuessed }) => [w, start_ms, conf, isGuessed])).toEqual([
    ['the', 0, 0.9, false],
    ['enormous', 400, null, true],
    ['old', 800, 0.4, false],
    ['wall', 900, 0.7, false],
  ]);
});

test('times that cannot be are shares: outside of the segment, backwards, ended before they began', () => {
  const words = [
    word('a', 60, 100),
    word('b', 500_000, 500_100),
    word('c', 700, 300),
    word('d', 50, 60),
    word('e', 900, 1000),
  ];
  const [only] = heard({ ...aSegment('a b c d e', 0), end_ms: 1000, words: [word('zero', 0, 0), ...words], text: '' });
  const found = only?.words ?? [];
  expect(found.map(({ w }) => w)).toEqual(['zero', 'a', 'b', 'c', 'd', 'e']);
  expect(found.map(({ isGuessed }) => isGuessed)).toEqual([false, false, true, true, true, false]);
  expect(found.flatMap(({ start_ms, end_ms }) => [start_ms, end_ms])).toEqual(
    found.flatMap(({ start_ms, end_ms }) => [start_ms, end_ms]).toSorted((x, y) => x - y),
  );
});

test('a word that reaches over the edge of its segment or into the word before keeps the rest of its time', () => {
  const words = [word('early', 900, 1300), word('next', 1250, 1700), word('over', 1650, 2400)];
  const [only] = heard({ ...aSegment('early next over', 1000), end_ms: 2000, words });
  expect(only?.words.map(({ start_ms, end_ms, isGuessed }) => [start_ms, end_ms, isGuessed])).toEqual([
    [1000, 1250, false],
    [1250, 1650, false],
    [1650, 2000, false],
  ]);
});

test('a word that seems to go on while the next is said ends where that begins', () => {
  const words = [word('uh', 0, 4000), word('yes', 1000, 1400)];
  const [only] = heard({ ...aSegment('uh yes', 0), end_ms: 5000, words });
  expect(timed(only?.words ?? [])).toEqual([
    ['uh', 0, 1000],
    ['yes', 1000, 1400],
  ]);
});

test('segments come in the order of time, and within the recording', () => {
  const backwards = { ...aSegment('third', 0), start_ms: 9000, end_ms: 8000, words: [word('third', 8500, 9000)] };
  const found = heard(
    backwards,
    aSegment('first', 0),
    aSegment('last', 59_900),
    aSegment('second', 500),
    aSegment('after', 90_000),
  );
  expect(found.map(({ words }) => textOf(words))).toEqual(['first', 'second', 'third', 'last', 'after']);
  expect(found.map(({ start_ms, end_ms }) => [start_ms, end_ms])).toEqual([
    ...[
      [0, 400],
      [500, 900],
      [8500, 9000],
      [59_900, 60_000],
      [60_000, 60_000],
    ],
  ]);
});

test('a text without spaces has words with times of their own, and they are the text again', () => {
  const text = '今日は素晴らしい天気です。';
  const words = ['今日', 'は', '素晴らしい', '天気', 'です'].map((w, i) => word(w, i * 500, (i + 1) * 500, 0.8));
  const [only] = heardOf([{ ...aSegment('', 0), text, end_ms: 2500, words }], 60_000, () => 'ja-JP');
  expect(textOf(only?.words ?? [])).toBe(text);
  expect(only?.words.length).toBeGreaterThan(3);
  const weather = only?.words.find(({ w }) => w.startsWith('天気'));
  expect([weather?.start_ms, weather?.conf, weather?.isGuessed]).toEqual([1500, 0.8, false]);
});

test('a word of an engine that is several of the text gives them its time', () => {
  const [only] = heard({
    ...aSegment('', 0),
    text: 'in New York now',
    end_ms: 1600,
    words: [word('in', 0, 200), word('New York', 200, 1200), word('now', 1200, 1600)],
  });
  expect(timed(only?.words ?? [])).toEqual([
    ['in', 0, 200],
    ['New', 200, 629],
    ['York', 629, 1200],
    ['now', 1200, 1600],
  ]);
});

const words = (of: Iterable<{ readonly words: readonly Word[] }>) => Array.from(of, (each) => textOf(each.words));
const without = (all: Iterable<Heard>, pauses: readonly Interval[], holes: readonly Interval[]) => {
  const taken = { inPauses: 0, inHoles: 0 };
  return { heard: [...withoutPauses(all, pauses, holes, taken)], ...taken };
};

test('what was said while captions were paused is taken out, and what may have been', () => {
  const all = [someHeard('before secret words after', 0, 1000)];
  const paused = without(all, [{ start_ms: 1500, end_ms: 2700 }], []);
  expect(words(paused.heard)).toEqual(['before after']);
  expect(paused).toMatchObject({ inPauses: 2, inHoles: 0 });

  const [given] = heardOf(
    [{ ...aSegment('', 0), text: 'no times at all', words: [], end_ms: 60_000 }],
    60_000,
    english,
  );
  const guess = without(given ? [given] : [], [{ start_ms: 100, end_ms: 101 }], []);
  expect(guess).toEqual({ heard: [], inPauses: 4, inHoles: 0 });
});

test('a guessed time reaches from the last known word to the next, and no further', () => {
  const known = [word('start', 0, 400), word('forty', null, null), word('two', null, null), word('end', 9000, 9400)];
  const all = heard({ ...aSegment('start forty two end', 0), end_ms: 9400, words: known });
  const at = (start_ms: number) => words(without(all, [{ start_ms, end_ms: start_ms + 10 }], []).heard);
  expect(at(8000)).toEqual(['start end']);
  expect(at(700)).toEqual(['start end']);
  expect(at(200)).toEqual(['end']); // so near to a guess that it may have been said there
  expect(at(20_000)).toEqual(['start forty two end']);
});

test('a pause of no length takes nothing, and one at the edge of a word takes it', () => {
  const all = [someHeard('one two', 1000, 1000)];
  expect(words(without(all, [{ start_ms: 900, end_ms: 900 }], []).heard)).toEqual(['one two']);
  expect(words(without(all, [{ start_ms: 3150, end_ms: 4000 }], []).heard)).toEqual(['one']);
  expect(words(without(all, [{ start_ms: 3250, end_ms: 4000 }], []).heard)).toEqual(['one two']);
});

test('what an engine heard where no audio is goes; a word that only reaches into it stays', () => {
  const all = [someHeard('real edge made up', 0, 1000)];
  const { heard: left, inHoles, inPauses } = without(all, [], [{ start_ms: 1600, end_ms: 5000 }]);
  expect(words(left)).toEqual(['real edge']);
  expect([inHoles, inPauses]).toEqual([2, 0]);
});

const sentences = (...all: Heard[]) => [...sentencesOf(all, english)];
const texts = (...all: Heard[]) => words(sentences(...all));

test('a sentence ends where it ends, whatever the engine cut', () => {
  expect(texts(someHeard('This is one. And this', 0), someHeard('is two. Mr. Smith agrees.', 2000))).toEqual([
    'This is one.',
    'And this is two.',
    'Mr. Smith agrees.',
  ]);
});

test('a segment that follows after a pause is a sentence of its own', () => {
  expect(texts(someHeard('good morning', 0), someHeard('welcome', 1300))).toEqual(['good morning', 'welcome']);
  expect(texts(someHeard('good morning', 0), someHeard('welcome', 900))).toEqual(['good morning welcome']);
});

test('a pause within a segment ends a sentence', () => {
  const before = someHeard('and then', 0);
  const after = someHeard('he went', 2400);
  const all = { ...before, end_ms: after.end_ms, words: [...before.words, ...after.words] };
  expect(texts(all)).toEqual(['and then', 'he went']);
});

test('sentences are cut where the speaker changes', () => {
  const [one, two] = [
    someHeard('do you agree', 0, 400, { speaker: '0' }),
    someHeard('I do', 1200, 400, { speaker: '1' }),
  ];
  const found = sentences({ ...one, words: [...one.words, ...two.words] });
  expect(found.map(({ speaker, words: of }) => [speaker, textOf(of)])).toEqual([
    ['0', 'do you agree'],
    ['1', 'I do'],
  ]);
});

test('and where the language does', () => {
  const given = [someHeard('hello all buongiorno a tutti', 0, 1000)];
  const found = [...sentencesOf(given, (ms) => (ms < 2000 ? 'en-US' : 'it-IT'))];
  expect(found.map(({ language, words: of }) => [language, textOf(of)])).toEqual([
    ['en-US', 'hello all'],
    ['it-IT', 'buongiorno a tutti'],
  ]);
});

test('two who speak at once are not mixed', () => {
  const found = texts(someHeard('the long answer goes on and on', 0, 1000), someHeard('wait a moment', 2100, 300));
  expect(found).toEqual(['the long answer goes on and on', 'wait a moment']);
});

test('nor is a short word that began before the last one', () => {
  expect(texts(someHeard('so quick', 0, 200), someHeard('no', 150, 200))).toEqual(['so quick', 'no']);
});

test('a pause of samples takes every ms that it touches', () => {
  expect(inMs({ from_sample: 15, to_sample: 17 }, 16_000)).toEqual({ start_ms: 0, end_ms: 2 });
  expect(inMs({ from_sample: 16, to_sample: 32 }, 16_000)).toEqual({ start_ms: 1, end_ms: 2 });
});

test('a speaker without full stops is cut into parts that can be borne, best at a pause or a clause', () => {
  const many = Array.from({ length: 400 }, (_, i) => (i % 10 === 9 ? `word${i},` : `word${i}`)).join(' ');
  const found = sentences(someHeard(many, 0, 300));
  expect(found.length).toBeGreaterThan(8);
  expect(words(found).join(' ')).toBe(many);
  for (const { words: of, start_ms, end_ms } of found) {
    expect(textOf(of).length).toBeLessThanOrEqual(300);
    expect(end_ms - start_ms).toBeLessThanOrEqual(20_000);
  }
  for (const each of words(found).slice(0, -1)) expect(each).toMatch(/,$/);

  const slow = sentences(someHeard(Array.from({ length: 60 }, (_, i) => `slow${i}`).join(' '), 0, 1400));
  for (const { start_ms, end_ms } of slow) expect(end_ms - start_ms).toBeLessThanOrEqual(20_000);
  const flood = sentences(someHeard('x'.repeat(5000), 0, 60_000));
  expect(flood).toHaveLength(1);
});

test('a script without spaces is cut at its own full stops, and has shorter parts', () => {
  const text = `${'これは長い話の一部です'.repeat(30)}。終わりです。`;
  const all = heardOf([{ ...aSegment('', 0), text, words: [], end_ms: 55_000 }], 60_000, () => 'ja-JP');
  const found = [...sentencesOf(all, () => 'ja-JP')];
  expect(words(found).join('')).toBe(text);
  expect(words(found).at(-1)).toBe('終わりです。');
  for (const each of words(found)) expect(each.length).toBeLessThanOrEqual(120);
});
