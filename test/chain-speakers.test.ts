import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namesOf } from '../relay/canonical/chain/names.ts';
import { maxSpeakers, type Turn, withSpeakers } from '../relay/canonical/chain/speakers.ts';
import { aLiveCaption, aSentence, someHeard } from './harness/chain-input.ts';

const turn = (speaker: string, start_ms: number, end_ms: number): Turn => ({ speaker, start_ms, end_ms });
const told = (...given: Parameters<typeof withSpeakers>) => [...withSpeakers(...given)];
const speakers = (heard: ReturnType<typeof someHeard>, turns: readonly Turn[]) =>
  told([heard], turns).flatMap(({ words }) => words.map(({ speaker }) => speaker));

test('a word is of who speaks most of it', () => {
  const heard = someHeard('one two three', 0, 1000);
  expect(speakers(heard, [turn('A', 0, 1400), turn('B', 1400, 3000)])).toEqual(['0', '1', '1']);
  expect(speakers(heard, [turn('A', 0, 1600), turn('B', 1600, 3000)])).toEqual(['0', '0', '1']);
});

test('pieces of turns count together', () => {
  const pieces = [turn('B', 0, 400), turn('A', 400, 700), turn('B', 500, 650), turn('A', 700, 1000)];
  expect(speakers(someHeard('word', 0, 1000), pieces)).toEqual(['0']);
  const heard = [someHeard('word', 0, 1000), someHeard('other', 2000, 1000)];
  const named = told(heard, [...pieces, turn('B', 2000, 3000)]);
  expect(named.map(({ words }) => words[0]?.speaker)).toEqual(['0', '1']);
});

test('the same turn told twice counts once', () => {
  const turns = [turn('A', 0, 600), turn('B', 600, 1000), turn('B', 600, 1000)];
  expect(speakers(someHeard('word more', 0, 1000), [...turns, turn('A', 1000, 2000)])).toEqual(['0', '0']);
});

test('a word between turns is of the nearest, and of nobody where that is more than a second away', () => {
  const heard = someHeard('a b c d e', 0, 1000);
  expect(speakers(heard, [turn('A', 0, 900), turn('B', 4900, 5000)])).toEqual(['0', '0', null, '1', '1']);
});

test('of two who speak it equally long, who spoke before goes on', () => {
  const turns = [turn('B', 0, 1000), turn('A', 1000, 2000), turn('B', 1000, 2000), turn('A', 2000, 3000)];
  expect(speakers(someHeard('one two three', 0, 1000), turns)).toEqual(['0', '0', '1']);
});

test('without turns nobody is told apart, and turns that end before they begin are none', () => {
  expect(speakers(someHeard('one two', 0), [])).toEqual([null, null]);
  expect(speakers(someHeard('one two', 0), [turn('A', 800, 0)])).toEqual([null, null]);
});

test('a word of no length is of who speaks then', () => {
  const heard = someHeard('now', 500, 0);
  expect(speakers(heard, [turn('A', 0, 500), turn('B', 500, 900)])).toEqual(['0']);
  expect(
    told([someHeard('first', 0, 400), heard], [turn('A', 0, 500), turn('B', 500, 900)])[1]?.words[0]?.speaker,
  ).toBe('1');
});

test('labels are numbered by their first words, whatever they are called', () => {
  const heard = someHeard('one two three', 0, 1000);
  const turns = [turn('__proto__', 0, 1000), turn('SPEAKER_00', 1000, 2000), turn('', 2000, 3000)];
  expect(speakers(heard, turns)).toEqual(['0', '1', '2']);
});

test('who speaks least is left out where there are too many', () => {
  const crowd = Array.from({ length: maxSpeakers + 50 }, (_, i) => turn(`S${i}`, i * 1000, (i + 1) * 1000));
  const lead = turn('lead', 200_000, 400_000);
  const heard = someHeard('last', 300_000, 400);
  expect(told([heard], [...crowd, lead])[0]?.words[0]?.speaker).toBe('0');
  const many = Array.from({ length: maxSpeakers + 50 }, (_, i) => someHeard('x', i * 1000, 1000));
  const found = new Set(told(many, [...crowd, lead]).map(({ words }) => words[0]?.speaker));
  found.delete(null);
  expect(found.size).toBe(maxSpeakers - 1);
});

test('every word is of the speaker of largest overlap, as counted millisecond by millisecond', () => {
  const time = fc.integer({ min: 0, max: 60 });
  const turns = fc.array(fc.record({ speaker: fc.constantFrom('A', 'B', 'C'), start_ms: time, end_ms: time }), {
    maxLength: 12,
  });
  const spans = fc.array(fc.tuple(time, fc.integer({ min: 0, max: 15 })), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(turns, spans, (all, words) => {
      const heard = words.map(([start, length]) => someHeard('w', start, length));
      const given = told(heard, all).map(({ words: [word] }) => word?.speaker ?? null);
      const labels = new Map<string, string>();
      words.forEach(([start, length], i) => {
        const counts = ['A', 'B', 'C'].map((speaker) => {
          let ms = 0;
          for (let at = start; at < start + Math.max(1, length); at++)
            if (all.some((each) => each.speaker === speaker && each.start_ms <= at && at < each.end_ms)) ms++;
          return { speaker, ms };
        });
        const most = Math.max(...counts.map(({ ms }) => ms));
        const speaker = given[i];
        if (most === 0) return;
        if (!speaker) throw new Error('nobody, though somebody speaks');
        const best = counts.filter(({ ms }) => ms === most).map((each) => each.speaker);
        const label = labels.get(speaker);
        if (label !== undefined) expect(best).toContain(label);
        else if (best.length === 1) labels.set(speaker, best[0] ?? '');
      });
      expect(new Set(labels.values()).size).toBe(labels.size);
    }),
    { numRuns: 150 },
  );
});

const talk = (...speakersOf: readonly (string | null)[]) =>
  speakersOf.map((speaker, i) =>
    aSentence('these are five words here', i * 4000, { speaker, end_ms: i * 4000 + 4000 }),
  );

test('the only scheduled speaker is who says most', () => {
  expect(namesOf(talk('0', '0', '0', '1'), ['Ada Lovelace'], [])).toEqual({
    0: { name: 'Ada Lovelace', from: 'schedule' },
    1: { name: null, from: 'none' },
  });
});

test('nobody is named where it is not sure', () => {
  const none = { name: null, from: 'none' };
  expect(namesOf(talk('0', '1'), ['Ada Lovelace'], [])).toEqual({ 0: none, 1: none });
  expect(namesOf(talk('0', '0', '0', '0'), ['Ada Lovelace', 'Grace Hopper'], [])).toEqual({ 0: none });
  expect(namesOf(talk('0'), [], [])).toEqual({ 0: none });
  expect(namesOf(talk('0'), [' '], [])).toEqual({ 0: none });
  expect(namesOf(talk(null, null), ['Ada Lovelace'], [])).toEqual({});
});

test('a live label that is a name goes to the voice it was given to', () => {
  const sentences = talk('0', '1', '1', '1', '0', '0', '0');
  const live = [aLiveCaption('x', 4000, 16_000, { speaker: 'Grace' }), aLiveCaption('x', 0, 4000, { speaker: 'Ada' })];
  expect(namesOf(sentences, [], [...live, aLiveCaption('x', 16_000, 28_000, { speaker: 'Ada' })])).toEqual({
    0: { name: 'Ada', from: 'live' },
    1: { name: 'Grace', from: 'live' },
  });
});

test('a live label is not believed that is a number, short, or was given to two', () => {
  const none = { name: null, from: 'none' };
  const sentences = talk('0', '0', '0', '1', '1', '1');
  const all = (speaker: string, from = 0, to = 24_000) => [aLiveCaption('x', from, to, { speaker })];
  for (const live of [
    all('0'),
    all('spk_1'),
    all('Speaker 2'),
    all('Ada'),
    all('Ada', 0, 9000),
    all('\u200b'),
    all('7'),
  ])
    expect(namesOf(sentences, [], live)).toEqual({ 0: none, 1: none });
  expect(namesOf(sentences, [], all('Ada', 0, 12_000))).toEqual({ 0: { name: 'Ada', from: 'live' }, 1: none });
  const both = [...all('Ada', 0, 12_000), ...all('Eve', 0, 12_000)];
  expect(namesOf(sentences, [], both)).toEqual({ 0: none, 1: none });
});

test('a name is given once, and cannot be a flood', () => {
  const live = [aLiveCaption('x', 0, 12_000, { speaker: 'Ada' })];
  expect(namesOf(talk('0', '0', '0', ...Array(12).fill('1')), ['Ada'], live)).toEqual({
    0: { name: 'Ada', from: 'live' },
    1: { name: null, from: 'none' },
  });
  const { 0: only } = namesOf(talk('0'), [`A\n\u202e${'b'.repeat(10_000)}`], []);
  expect(only?.name).toMatch(/^A b{98}$/);
});
