import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WebVttNode } from 'webvtt-parser';
import { cuesOf } from '../relay/cues.ts';
import { toJson, toSrt, toTxt, toVtt } from '../relay/exports.ts';
import type { SpokenCaption, SpokenWord } from '../relay/transcript.ts';
import { longTalk } from './harness/long-talk.ts';
import { lineLimit, seen, spoken, visible } from './harness/spoken.ts';
import { parseSrt, parseVtt, shownIn } from './harness/subtitle-files.ts';

const tagsOf = (node: WebVttNode): string[] => [
  ...(node.name ? [`${node.name} ${node.value}`] : []),
  ...(node.children ?? []).flatMap(tagsOf),
];

const vtt = (list: readonly SpokenCaption[], zeroMs = 0) => [...toVtt([list], zeroMs)].join('');
const srt = (list: readonly SpokenCaption[], zeroMs = 0) => [...toSrt([list], zeroMs)].join('');
const txt = (list: readonly SpokenCaption[], zeroMs = 0) => [...toTxt([list], zeroMs)].join('');
function* pagesOf(list: readonly SpokenCaption[], truncated = false): Generator<readonly SpokenCaption[], boolean> {
  yield list;
  return truncated;
}
const json = (list: readonly SpokenCaption[], withWords = false): unknown =>
  JSON.parse([...toJson({ room: 'verdi', log: 'log-1' }, pagesOf(list), withWords)].join(''));

test('a transcript of three hours passes strict parsers, and the rules of cues hold for every one', {
  timeout: 120_000,
}, () => {
  const talk = longTalk(7, 3 * 3_600_000);
  const zeroMs = talk[0]?.caption.start ?? 0;
  expect(talk.length).toBeGreaterThan(1000);
  const cues = [...cuesOf([talk], { zeroMs })].flat();

  const parsed = parseVtt(vtt(talk, zeroMs));
  expect(parsed).toHaveLength(cues.length);
  parsed.forEach(({ startTime, endTime, tree }, i) => {
    const cue = cues[i];
    expect(shownIn(tree)).toBe(cue?.lines.join('\n'));
    expect(Math.round(startTime * 1000)).toBe(cue?.startMs);
    expect(Math.round(endTime * 1000)).toBe(cue?.endMs);
    expect(endTime - startTime).toBeGreaterThanOrEqual(0.999);
    expect(endTime - startTime).toBeLessThanOrEqual(7.001);
    if (i > 0) expect(startTime).toBeGreaterThanOrEqual(parsed[i - 1]?.endTime ?? 0);
    const lines = shownIn(tree).split('\n');
    expect(lines.length).toBeLessThanOrEqual(2);
    for (const line of lines) expect(seen(line)).toBeLessThanOrEqual(lineLimit(line));
  });
  const said = visible(talk.map(({ caption }) => caption.text).join(''));
  expect(visible(parsed.map(({ tree }) => shownIn(tree)).join(''))).toBe(said);

  const blocks = parseSrt(srt(talk, zeroMs));
  blocks.forEach(({ startSeconds, endSeconds, text }, i) => {
    expect(endSeconds - startSeconds).toBeGreaterThanOrEqual(0.999);
    expect(endSeconds - startSeconds).toBeLessThanOrEqual(7.001);
    if (i > 0) expect(startSeconds).toBeGreaterThanOrEqual(blocks[i - 1]?.endSeconds ?? 0);
    expect(text.split('\n').length).toBeLessThanOrEqual(2);
    for (const line of text.split('\n')) expect(seen(line)).toBeLessThanOrEqual(lineLimit(line));
  });
});

const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        '-->',
        '00:00:01.000 --> 00:00:02.000',
        '\n\n',
        '\r',
        '\0',
        '<b>',
        '</v>',
        '<',
        '>',
        '&',
        '&lt;',
        'NOTE',
        'WEBVTT',
      ),
      fc.constantFrom(
        '\u2028',
        '\u202e',
        '\u2067',
        '\u200b'.repeat(50),
        '1\n00:00:01,000 --> 00:00:02,000',
        '{\\an8}',
        '\ud83d',
        'STYLE',
        '字',
      ),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => parts.join(' '));
const hostileTalk = fc.array(
  fc
    .record({
      text: hostile,
      start: fc.integer({ min: -3000, max: 90_000 }),
      length: fc.integer({ min: -5, max: 9000 }),
      speaker: fc.option(hostile),
      language: fc.oneof(fc.constantFrom('en-US', 'it-IT'), hostile),
    })
    .map(({ text, start, length, ...fields }) => spoken(text, start, start + length, fields)),
  { maxLength: 8 },
);

test('no text, speaker or language breaks a file', () => {
  fc.assert(
    fc.property(hostileTalk, (talk) => {
      const said = visible(talk.map(({ caption }) => caption.text).join(''));
      expect(
        visible(
          parseVtt(vtt(talk))
            .map(({ tree }) => shownIn(tree))
            .join(''),
        ),
      ).toBe(said);
      parseSrt(srt(talk));
      expect(txt(talk)).not.toMatch(/[\0\r\u2028\u202a-\u202e\u2066-\u2069]/);
      expect(json(talk)).toMatchObject({ captions: talk.map(({ caption }) => caption) });
    }),
    { numRuns: 200 },
  );
});

test('WebVTT is escaped, headed by the first language, and names speakers and other languages', () => {
  const talk = [
    spoken('a < b && c --> d', 0, 2000),
    spoken('ciao', 3_723_004, 3_725_000, { language: 'it-IT', speaker: '0' }),
    spoken('hello', 3_730_000, 3_731_000, { speaker: 'Ada > "Bob" & <x>' }),
  ];
  expect(vtt(talk)).toBe(
    'WEBVTT\n\nNOTE language: en-US\n\n' +
      '00:00:00.000 --> 00:00:02.000\na &lt; b &amp;&amp; c --&gt; d\n\n' +
      '01:02:03.004 --> 01:02:05.000\n<v Speaker 1><lang it-IT>ciao</lang></v>\n\n' +
      '01:02:10.000 --> 01:02:11.000\n<v Ada &gt; "Bob" &amp; &lt;x&gt;>hello</v>\n',
  );
  expect(parseVtt(vtt(talk)).map(({ tree }) => tagsOf(tree))[1]).toEqual(['v Speaker 1', 'lang it-IT']);
});

test('SubRip numbers its cues, names speakers where they change, and holds nothing that players take for their own', () => {
  const talk = [
    spoken('one <i>{\\an8} --> 1 < 2', 1000, 2000, { speaker: '0' }),
    spoken('two', 4000, 5000, { speaker: '0' }),
    spoken('مرحبا', 7000, 8000, { speaker: '1', language: 'ar' }),
  ];
  expect(srt(talk, 1000)).toBe(
    '1\n00:00:00,000 --> 00:00:02,267\nSpeaker 1: one ‹i>{⧵an8} --› 1 < 2\n\n' +
      '2\n00:00:03,000 --> 00:00:04,000\ntwo\n\n' +
      '3\n00:00:06,000 --> 00:00:07,133\n\u200fSpeaker 2: مرحبا\n',
  );
});

test('text has a paragraph for each pause, speaker and language, and the time every five minutes', () => {
  const talk = [
    spoken('One.', 0, 1000),
    spoken('two\nlines', 1500, 4000),
    spoken('After a pause.', 9500, 11_000),
    spoken('Who is it?', 11_000, 12_000, { speaker: '0' }),
    spoken('Me.', 12_000, 12_500, { speaker: 'Ada' }),
    spoken('会議。', 13_000, 14_000, { speaker: 'Ada', language: 'ja-JP' }),
    spoken('字幕。', 14_000, 15_000, { speaker: 'Ada', language: 'ja-JP' }),
    spoken('2019年、', 15_000, 16_000, { speaker: 'Ada', language: 'ja-JP' }),
    spoken('Late in the day.', 3_723_000, 3_724_000),
  ];
  expect(txt(talk)).toBe(
    'One. two lines\n\nAfter a pause.\n\nSpeaker 1: Who is it?\n\nAda: Me.\n\n会議。字幕。2019年、\n\n[01:02:03]\nLate in the day.\n',
  );
});

test('text of someone who never pauses has paragraphs all the same, at the ends of sentences', () => {
  const talk = Array.from({ length: 100 }, (_, i) =>
    spoken(i % 3 === 0 ? 'and this is where it ends.' : 'so it goes on and on', i * 2000, i * 2000 + 2000),
  );
  const paragraphs = txt(talk).trimEnd().split('\n\n');
  expect(paragraphs.length).toBeGreaterThan(2);
  for (const each of paragraphs.slice(0, -1)) {
    expect(each).toMatch(/ends\.$/);
    expect(each.length).toBeGreaterThan(500);
    expect(each.length).toBeLessThan(1000);
  }
});

test('an empty transcript is a valid file of each kind', () => {
  expect(parseVtt(vtt([]))).toEqual([]);
  expect(srt([])).toBe('');
  expect(txt([])).toBe('');
  expect(json([])).toEqual({ room: 'verdi', log: 'log-1', captions: [], truncated: false });
});

test('JSON has the words of the engine where asked for, and of a corrected text its own', () => {
  const words: SpokenWord[] = [
    ['sala', 0, 400],
    ['verdi', 500, 900],
  ];
  const talk = [
    spoken('sala verdi', 0, 900, { words }),
    spoken('Sala Verdi!', 0, 900, { words, isAmended: true }),
    spoken('no times', 1000, 2000),
  ];
  expect(json(talk, true)).toMatchObject({
    captions: [
      { text: 'sala verdi', words },
      {
        text: 'Sala Verdi!',
        words: [
          ['Sala', 0, 400],
          ['Verdi!', 500, 900],
        ],
      },
      { text: 'no times', words: [] },
    ],
  });
  expect(JSON.stringify(json(talk))).not.toContain('words');
});
