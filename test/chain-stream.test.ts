/** The chain goes through a talk sentence by sentence: what that costs in memory is told by the benchmark (`bench/chain.ts`). */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sentencesOf } from '../relay/canonical/chain/segments.ts';
import { Stopwatch } from '../relay/canonical/chain/stopwatch.ts';
import { TranscriptFile } from '../relay/canonical/chain/transcript-file.ts';
import { type Heard, textOf } from '../relay/canonical/chain/words.ts';
import type { CanonicalSegment } from '../relay/canonical/contract.ts';
import { aSegment, chained, someHeard } from './harness/chain-input.ts';

const english = () => 'en-US';

test.each([
  { what: 'with full stops', text: 'and so it goes.', pauseMs: 100 },
  { what: 'with pauses', text: 'and so it goes', pauseMs: 2000 },
  { what: 'without either', text: 'and so it goes', pauseMs: 0 },
])('of a talk $what no more than some seconds are held', ({ text, pauseMs }) => {
  let asked = 0;
  function* talk(): Generator<Heard> {
    for (let at = 0; asked < 1000; at += 1600 + pauseMs) {
      asked++;
      yield someHeard(text, at);
    }
  }
  let given = 0;
  for (const { words } of sentencesOf(talk(), english)) {
    given += words.length;
    expect(4 * asked - given).toBeLessThan(100);
  }
  expect(given).toBe(4000);
});

test('whatever speaks over whom, sentences come in the order of their begin and no word is lost', () => {
  const heardOf = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 90_000 }),
      fc.array(fc.constantFrom('and', 'so.', 'it', 'goes'), { minLength: 1, maxLength: 60 }),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(heardOf, (all) => {
      const heard = all.toSorted(([a], [b]) => a - b).map(([at, texts]) => someHeard(texts.join(' '), at));
      const sentences = [...sentencesOf(heard, english)];
      const begins = sentences.map(({ start_ms }) => start_ms);
      expect(begins).toEqual(begins.toSorted((a, b) => a - b));
      const letters = (of: readonly Pick<Heard, 'words'>[]) =>
        of.flatMap(({ words }) => words.map(({ w }) => w)).sort();
      expect(letters(sentences)).toEqual(letters(heard));
      for (const { words } of sentences) expect(textOf(words).length).toBeLessThanOrEqual(300);
    }),
  );
});

test('the transcript is the JSON of all of it, and its segments are read again and again', () => {
  const many = Array.from({ length: 2000 }, (_, id): CanonicalSegment => {
    const words = [{ w: `"${id}"\ud800`, start_ms: id, end_ms: null, conf: 0.25 }];
    return { id, start_ms: id, end_ms: id, speaker: null, text: '日本 [', text_redacted: null, language: 'ja', words };
  });
  const flood = many.slice(0, 2).map((each) => ({ ...each, text: 'é'.repeat(10_000_000) }));
  for (const segments of [[], many.slice(0, 1), many, flood]) {
    const file = new TranscriptFile(segments, (first) => ({ first: first?.id ?? null }));
    for (let time = 0; time < 2; time++) expect([...file]).toEqual(segments);
    const whole = `${JSON.stringify({ first: segments[0]?.id ?? null, segments, last: 1 })}\n`;
    expect(Buffer.from(file.end({ last: 1 })).equals(Buffer.from(whole))).toBe(true);
  }
});

test('each step is told its own time alone', () => {
  let now = 0;
  const watch = new Stopwatch(() => now, ['read', 'write', 'rest']);
  function* read() {
    for (let i = 0; i < 3; i++) {
      now += 10;
      yield i;
    }
  }
  function* written(items: Iterable<number>) {
    for (const item of items) {
      now += 1;
      yield item;
    }
  }
  for (const _ of watch.each('write', written(watch.each('read', read())))) now += 100;
  watch.run('rest', () => {
    now += 5;
  });
  expect(watch.steps).toEqual([
    { step: 'read', ms: 30 },
    { step: 'write', ms: 3 },
    { step: 'rest', ms: 5 },
  ]);
});

test('what is counted is counted once, though sentences are gone through several times', () => {
  const rules = { replacements: [], blocked: [{ word: 'damn', method: 'drop' as const, language: null }] };
  const { report } = chained(
    [aSegment('Ada said damn it.', 0), aSegment('Damn!', 9000), aSegment('nobody hears this', 20_000)],
    {
      manifest: {
        ...{ redact: true, vocabulary: ['Ada'], text_rules: rules },
        pauses: [{ from_sample: 20_000 * 16, to_sample: 30_000 * 16 }],
      },
    },
  );
  expect(report.taken_out).toMatchObject({ words_in_pauses: 3, segments_by_rules: 1 });
  expect(report.rules.acted).toEqual([{ name: 'room blocked.0', count: 2 }]);
});
