import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EngineResult } from '../relay/canonical/contract.ts';
import { aLiveCaption, aSegment, chained } from './harness/chain-input.ts';
import { expectSound, expectWhole } from './harness/sound-transcript.ts';

type Segment = EngineResult['segments'][number];

const time = fc.integer({ min: -1000, max: 70_000 }).map((ms) => Math.max(0, ms));
const scripts = fc.constantFrom(
  'word',
  'Straße,',
  'שלום',
  'مرحبا',
  '今日は',
  '天気です。',
  'สวัสดี',
  '안녕',
  '42.',
  '😀',
  'é',
  '…',
);
const unit = fc.oneof(
  scripts,
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('-->', '</v>', '&amp;', '{\\an8}', '\n\n', '[card]'),
);
const wordOf = fc.record({
  w: unit,
  start_ms: fc.option(time, { nil: null }),
  end_ms: fc.option(time, { nil: null }),
  conf: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null }),
});
const segmentOf = fc.record({
  start_ms: time,
  end_ms: time,
  text: fc.array(unit, { maxLength: 20 }).map((units) => units.join(' ')),
  words: fc.array(wordOf, { maxLength: 20 }),
  confidence: fc.constant(null),
  no_speech: fc.constant(null),
});
const turnOf = fc.record({ speaker: fc.constantFrom('A', 'B', '__proto__'), start_ms: time, end_ms: time });
const hostile = fc.record({
  segments: fc.array(segmentOf, { maxLength: 12 }),
  turns: fc.option(fc.array(turnOf, { maxLength: 12 }), { nil: null }),
  name: fc.constantFrom('parakeet', 'whisper'),
  redact: fc.boolean(),
});

test('whatever an engine makes, the transcript is sound: in order, in its files, letter for letter', () => {
  fc.assert(
    fc.property(hostile, ({ segments, turns, name, redact }) => {
      const output = chained(segments, {
        manifest: { duration_ms: 60_000, redact, languages: languagesOf(segments.length) },
        result: { turns, engine: { name, model: 'm', version: '1' } },
        live: segments.slice(0, 3).map(({ text, start_ms, end_ms }) => aLiveCaption(text, start_ms, end_ms)),
      });
      expectSound(output);
    }),
    { numRuns: 80 },
  );
});

const languagesOf = (seed: number) => [
  { from_ms: 30_000, language: 'ja-JP' },
  { from_ms: 0, language: seed % 2 === 0 ? 'en-US' : 'he-IL' },
];

test('no word is lost or doubled, whatever the times and turns', () => {
  const counted = fc.array(
    fc.tuple(time, time, fc.array(fc.tuple(fc.option(time, { nil: null }), time), { maxLength: 30 })),
    {
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(counted, fc.array(turnOf, { maxLength: 12 }), fc.boolean(), (all, turns, redact) => {
      let next = 0;
      const segments = all.map(([start_ms, end_ms, times]): Segment => {
        const words = times.map(([from, to]) => ({ w: `w${next++}`, start_ms: from, end_ms: to, conf: null }));
        return { ...aSegment('', 0), start_ms, end_ms, words, text: words.map(({ w }) => w).join(' ') };
      });
      const { transcript, report: told } = chained(segments, {
        manifest: { duration_ms: 60_000, redact },
        result: { turns },
      });
      const found = transcript.segments.flatMap(({ words }) => words.map(({ w }) => Number(w.slice(1))));
      expect(found.toSorted((a, b) => a - b)).toEqual(Array.from({ length: next }, (_, i) => i));
      expect(told.words).toBe(next);
      const sayers = transcript.segments.flatMap(({ words, speaker }) => words.map(({ w }) => [w, speaker] as const));
      expect(new Set(sayers.map(([w]) => w)).size).toBe(next);
    }),
    { numRuns: 80 },
  );
});

test('words that are taken out are counted: none is lost otherwise', () => {
  const stretch = fc
    .tuple(fc.integer({ min: 0, max: 960_000 }), fc.integer({ min: 0, max: 200_000 }))
    .map(([from, length]) => ({
      from_sample: from,
      to_sample: Math.min(960_000, from + length),
    }));
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 4 }), fc.array(stretch, { maxLength: 4 }), (pauses, holes) => {
      const segments = Array.from({ length: 10 }, (_, i) =>
        aSegment('some words are said here', i * 6000, { wordMs: 1000 }),
      );
      const { transcript, report: told } = chained(segments, {
        manifest: { duration_ms: 60_000, pauses, holes: holes.map((hole) => ({ ...hole, reason: 'unplugged' })) },
      });
      const left = transcript.segments.flatMap(({ words }) => words);
      expect(left.length + told.taken_out.words_in_pauses + told.taken_out.words_in_holes).toBe(50);
      for (const { start_ms, end_ms } of left)
        for (const { from_sample, to_sample } of pauses)
          expect(Math.min(end_ms ?? 0, to_sample / 16) - Math.max(start_ms ?? 0, from_sample / 16)).toBeLessThanOrEqual(
            0,
          );
      expect(transcript.gaps).toHaveLength(holes.length);
    }),
    { numRuns: 50 },
  );
});

test('the same input makes the same transcript', () => {
  const make = () => chained([aSegment('All the same. Again.', 100), aSegment('and again', 50)]);
  expect(make()).toEqual(make());
});

test('an empty talk is a transcript without words', () => {
  const output = chained([], { live: [aLiveCaption('hello', 0, 1000)] });
  expectSound(output);
  expect(output.transcript).toMatchObject({ segments: [], canonical: true, language: 'en-US', speakers: {} });
  expect(output.vtt).toBe('WEBVTT\n');
});

test('speakers of the engine, or else of the live captions', () => {
  const live = [aLiveCaption('x', 0, 2000, { speaker: '4' }), aLiveCaption('x', 2000, 9000, { speaker: '1' })];
  const segments = [aSegment('one two three four five. Six seven.', 0)];
  const speakers = (turns: EngineResult['turns']) =>
    chained(segments, { live, result: { turns } }).transcript.segments.map(({ speaker, text }) => [speaker, text]);
  expect(speakers(null)).toEqual([
    ['0', 'one two three four five.'],
    ['1', 'Six seven.'],
  ]);
  expect(speakers([{ speaker: 'A', start_ms: 0, end_ms: 9000 }]).map(([speaker]) => speaker)).toEqual(['0', '0']);
  expect(speakers([]).map(([speaker]) => speaker)).toEqual([null, null]);
});

test('an engine that stopped early, or never stopped, ends the job', () => {
  const fault = (code: string) => expect.objectContaining({ code, hint: expect.stringMatching(/\w/) });
  expect(() => chained([], { result: { duration_ms: 3_597_000 } })).toThrow(fault('engine-incomplete'));
  expect(() => chained([], { result: { duration_ms: 3_598_500 } })).not.toThrow();
  const flood = aSegment('', 0, { text: 'x'.repeat(20_000_001) });
  expect(() => chained([flood])).toThrow(fault('too-many-words'));
});

test('private data is nowhere: not in the texts, words, files or report, nor in what was dropped or said live', () => {
  const card = '4242 4242 4242 4242';
  const { transcript, ...rest } = chained(
    [
      aSegment(`My card is ${card}. Thanks.`, 0),
      aSegment('once more 4242 4242', 9000),
      aSegment('4242 4242 yes', 13_000),
    ],
    {
      manifest: { redact: true },
      result: { dropped: [{ start_ms: 1, end_ms: 2, text: `it was ${card}`, confidence: 0, no_speech: 1 }] },
      live: [
        aLiveCaption(`my cart is ${card}`, 0, 2000),
        aLiveCaption('one small 4242 4242', 9000, 10_000),
        aLiveCaption('4242 4242', 13_000, 14_000),
      ],
    },
  );
  for (const part of [transcript, rest.report, rest.vtt, rest.srt]) {
    expect(JSON.stringify(part).replaceAll(/\D/g, '')).not.toContain('42424242');
    expect(JSON.stringify(part)).toContain('[card]');
  }
  for (const { text, text_redacted } of transcript.segments) expect(text_redacted).toBe(text);
  for (const { segment, start, end } of transcript.redactions)
    expect(transcript.segments[segment]?.text.slice(start, end)).toBe('[card]');
  expect(rest.report.taken_out.private_data).toEqual([{ name: 'card', count: 3 }]);
  expect(rest.report.dropped.first[0]?.text).toBe('it was [card]');
  expect(rest.report.live.changes).toContainEqual({ live: 'cart', canonical: 'card', count: 1 });
});

test('without redaction the text is as it was said, and there is no other', () => {
  const { transcript } = chained([aSegment('it is 4242 4242 4242 4242', 0)]);
  expect(transcript.segments[0]).toMatchObject({ text: 'it is 4242 4242 4242 4242', text_redacted: null });
  expect(transcript.redactions).toEqual([]);
});

test('a talk of half an hour is whole, and in its files', () => {
  expectWhole(1_800_000, 100);
});
