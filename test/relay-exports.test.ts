import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cuesOf, toSrt, toTxt, toVtt } from '../relay/exports.ts';
import type { Caption } from '../relay/protocol.js';

const caption = (text: string, start: number, end: number, language = 'en-US'): Caption => ({
  type: 'caption',
  seq: 1,
  final: true,
  text,
  language,
  start,
  end,
  speaker: null,
  late: false,
  stream: '',
  from: 0,
  to: 0,
});

const words = fc.array(fc.stringMatching(/^\S{1,90}$/), { minLength: 1, maxLength: 40 }).map((each) => each.join(' '));
const talk = fc
  .array(
    fc.record({ text: words, gap: fc.integer({ min: 0, max: 4000 }), length: fc.integer({ min: 0, max: 20_000 }) }),
    {
      maxLength: 12,
    },
  )
  .map((list) => {
    let at = 0;
    return list.map(({ text, gap, length }) => {
      const start = at + gap;
      at = start + length;
      return caption(text, start, at);
    });
  });

test('cues hold every word in order, never overlap, and fit two lines of 42', () => {
  fc.assert(
    fc.property(talk, (captions) => {
      const cues = cuesOf(captions, captions[0]?.start ?? 0);
      let end = 0;
      for (const cue of cues) {
        expect(cue.startMs).toBeGreaterThanOrEqual(end);
        expect(cue.endMs).toBeGreaterThan(cue.startMs);
        expect(cue.lines.length).toBeLessThanOrEqual(2);
        for (const line of cue.lines) expect([...line].length).toBeLessThanOrEqual(42);
        end = cue.endMs;
      }
      const letters = (texts: readonly string[]) => texts.join('').replaceAll(/\s/g, '');
      expect(letters(cues.flatMap(({ lines }) => lines))).toBe(letters(captions.map(({ text }) => text)));
    }),
  );
});

test('a short caption stays at least a second', () => {
  expect(cuesOf([caption('Yes.', 5000, 5200)], 5000)).toMatchObject([{ startMs: 0, endMs: 1000 }]);
});

test('a long caption becomes several cues by the share of its text', () => {
  const line = 'a'.repeat(42);
  const cues = cuesOf([caption(Array.from({ length: 4 }, () => line).join(' '), 0, 8000)], 0);
  expect(cues).toMatchObject([
    { startMs: 0, endMs: 4000, lines: [line, line] },
    { startMs: 4000, endMs: 8000 },
  ]);
});

test('WebVTT is escaped and names its languages', () => {
  const text = toVtt([caption('a < b && c --> d', 0, 2000), caption('ciao', 3_723_004, 3_725_000, 'it-IT')], 0);
  expect(text).toBe(
    'WEBVTT\n\nNOTE language: en-US, it-IT\n\n' +
      '00:00:00.000 --> 00:00:02.000\n<lang en-US>a &lt; b &amp;&amp; c --&gt; d</lang>\n\n' +
      '01:02:03.004 --> 01:02:05.000\n<lang it-IT>ciao</lang>\n',
  );
});

test('an empty transcript is a valid file of each kind', () => {
  expect(toVtt([], 0)).toBe('WEBVTT\n\n');
  expect(toSrt([], 0)).toBe('');
  expect(toTxt([])).toBe('');
});

test('SubRip numbers its cues and a text holds one caption a line', () => {
  const captions = [caption('one', 1000, 2000), caption('two\nlines', 2500, 4000)];
  expect(toSrt(captions, 1000)).toBe(
    '1\n00:00:00,000 --> 00:00:01,000\none\n\n2\n00:00:01,500 --> 00:00:03,000\ntwo lines\n',
  );
  expect(toTxt(captions)).toBe('one\ntwo lines\n');
});
