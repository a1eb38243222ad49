import { expect, test } from 'vitest';
import { report } from '../relay/canonical/chain/report.ts';
import { type ComparedWord, wordErrorOf } from '../relay/canonical/chain/word-error.ts';
import { aLiveCaption, aSegment, chained } from './harness/chain-input.ts';
import { seeded } from './harness/random.ts';
import { parseSrt, parseVtt, shownIn } from './harness/subtitle-files.ts';
import { wordErrorRate } from './harness/words.ts';

const compared = (text: string, from = 0, stepMs = 400): ComparedWord[] =>
  text.split(' ').map((key, i) => ({ key, startMs: from + i * stepMs, endMs: from + (i + 1) * stepMs }));
const rate = ({ changed, missing, extra, same }: ReturnType<typeof wordErrorOf>) =>
  (changed + missing + extra) / (same + changed + missing);

test('words that are changed, missing or extra are told apart', () => {
  const error = wordErrorOf(compared('the grey cat sat down here'), compared('the great cat sat here now'));
  expect(error).toMatchObject({ same: 4, changed: 1, extra: 1, missing: 1 });
  expect(error.changes).toEqual([
    { live: 'grey', canonical: 'great', count: 1 },
    { live: 'down', canonical: '', count: 1 },
    { live: '', canonical: 'now', count: 1 },
  ]);
});

test('what is misheard in the same way again and again comes first', () => {
  const [live, canonical] = [
    'the lady of shallot and the lady of shallot',
    'the lady of Shalott and a lady of Shalott',
  ];
  expect(wordErrorOf(compared(live), compared(canonical)).changes).toEqual([
    { live: 'shallot', canonical: 'Shalott', count: 2 },
    { live: 'the', canonical: 'a', count: 1 },
  ]);
});

test('one without words is all missing or all extra', () => {
  expect(wordErrorOf([], compared('one two'))).toMatchObject({ same: 0, changed: 0, missing: 2, extra: 0 });
  expect(wordErrorOf(compared('one two'), [])).toMatchObject({ same: 0, changed: 0, missing: 0, extra: 2 });
  expect(wordErrorOf([], [])).toEqual({ same: 0, changed: 0, missing: 0, extra: 0, changes: [] });
});

/** A talk of many words, as another engine heard it: some words wrong, gone or more, times a little off. */
function heardTwice(count: number, seed: number) {
  const random = seeded(seed);
  const canonical: ComparedWord[] = [];
  const live: ComparedWord[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += i % 12 === 11 ? 1200 : 20;
    const word = { key: `w${Math.floor(random() * 300)}`, startMs: at, endMs: at + 300 };
    at += 300;
    canonical.push(word);
    const chance = random();
    const off = Math.round((random() - 0.5) * 400);
    const near = { startMs: word.startMs + off, endMs: word.endMs + off };
    if (chance > 0.1) live.push({ ...near, key: chance > 0.2 ? word.key : 'wrong' });
    if (chance < 0.03) live.push({ ...near, key: 'more' });
  }
  return { live, canonical };
}

test('cut into blocks it is the error of the whole, almost', () => {
  const { live, canonical } = heardTwice(1500, 5);
  const text = (words: readonly ComparedWord[]) => words.map(({ key }) => key).join(' ');
  const whole = wordErrorRate(text(canonical), text(live));
  expect(whole).toBeGreaterThan(0.15);
  const found = rate(wordErrorOf(live, canonical));
  expect(found).toBeGreaterThanOrEqual(whole);
  expect(found - whole).toBeLessThan(0.003);
});

test('a long talk, and words that are all said at once, take no more than their number', () => {
  const { live, canonical } = heardTwice(20_000, 6);
  const begun = performance.now();
  expect(rate(wordErrorOf(live, canonical))).toBeLessThan(0.25);
  const atOnce = (words: readonly ComparedWord[]) =>
    words.slice(0, 5000).map(({ key }) => ({ key, startMs: 0, endMs: 0 }));
  wordErrorOf(atOnce(live), atOnce(canonical));
  expect(performance.now() - begun).toBeLessThan(10_000); // 0.4 s here; as a whole it would be 12 s
});

test('the report says what changed, what is gone and how sure the engine was', () => {
  const { report: told } = chained(
    [aSegment('Good morning all.', 0, { conf: 0.9 }), aSegment('we mumble here', 10_000, { conf: 0.3 })],
    {
      live: [aLiveCaption('good mourning all', 0, 1200), aLiveCaption('bye', 20_000, 20_400)],
      voice: { speech: [{ start_ms: 0, end_ms: 900_000 }], speech_ms: 900_000, duration_ms: 3_600_000 },
      durationsMs: { fetch: 10, engine: 36_000 },
    },
  );
  expect(report.parse(told)).toEqual(told);
  expect(told).toMatchObject({
    ...{ canonical: true, words: 6, segments: 2, speech_ratio: 0.25, rtf: 0.01, guessed_times: 0 },
    confidence: { mean: expect.closeTo(0.6), doubtful: [{ segment: 1, confidence: expect.closeTo(0.3) }] },
    live: { captions: 2, words: 4, same: 2, changed: 2, missing: 2, extra: 0, word_error_rate: expect.closeTo(4 / 6) },
  });
  expect(told.live.changes).toContainEqual({ live: 'mourning', canonical: 'morning', count: 1 });
  expect(told.steps.slice(0, 2)).toEqual([
    { step: 'fetch', ms: 10 },
    { step: 'engine', ms: 36_000 },
  ]);
});

test('live captions are compared in the order spoken, whenever they came', () => {
  const live = [aLiveCaption('three four', 800, 1600, { seq: 1 }), aLiveCaption('one two', 0, 800, { seq: 2 })];
  const { report: told } = chained([aSegment('one two three four', 0)], { live });
  expect(told.live).toMatchObject({ same: 4, changed: 0, missing: 0, extra: 0, word_error_rate: 0 });
});

test('somebody speaks and no word is there: it is listed', () => {
  const speech = [
    { start_ms: 0, end_ms: 60_000 },
    { start_ms: 100_000, end_ms: 110_000 },
  ];
  const { report: told } = chained([aSegment('a few words', 30_000)], {
    voice: { speech, speech_ms: 70_000, duration_ms: 3_600_000 },
  });
  expect(told.unheard).toEqual({
    count: 2,
    first: [
      { start_ms: 0, end_ms: 29_000 },
      { start_ms: 32_200, end_ms: 3_600_000 },
    ],
  });
});

test('figures that nobody can know are null', () => {
  const { report: told } = chained([], { manifest: { duration_ms: 0 } });
  expect(told).toMatchObject({
    ...{ words: 0, segments: 0, speech_ratio: null, rtf: null, confidence: { mean: null, doubtful: [] } },
    live: { word_error_rate: null },
  });
});

test('what an engine dropped is listed, but for what it heard in a pause', () => {
  const dropped = [
    { start_ms: 1000, end_ms: 2000, text: 'Thank you for watching', confidence: 0.1, no_speech: 0.9 },
    { start_ms: 5000, end_ms: 6000, text: 'a word in confidence', confidence: 0.1, no_speech: 0.9 },
  ];
  const { report: told } = chained([], {
    manifest: { pauses: [{ from_sample: 64_000, to_sample: 96_000 }] },
    result: { dropped },
  });
  expect(told.dropped).toEqual({ count: 1, first: [dropped[0]] });
});

test('captions name the speakers and stand in order; what is withheld is not among them', () => {
  const turns = [
    { speaker: 'SPEAKER_01', start_ms: 0, end_ms: 6000 },
    { speaker: 'SPEAKER_00', start_ms: 6000, end_ms: 20_000 },
  ];
  const words = 'Rivers have a length that nobody can measure';
  const { transcript, vtt, srt } = chained(
    [aSegment('Welcome to Ada.', 0), aSegment(`${words}. ${words}.`, 6000), aSegment('Please subscribe.', 60_000)],
    {
      manifest: { speakers: ['Ada <b>'] },
      result: { turns, engine: { name: 'whisper', model: 'large-v3-turbo', version: '1' } },
      live: [aLiveCaption('welcome', 0, 13_000)],
    },
  );
  expect(transcript.canonical).toBe(false);
  expect(transcript.withheld).toEqual([{ segment: 3, reason: 'No live word was said in the same time.' }]);
  const cues = parseVtt(vtt);
  expect(cues.map(({ tree }) => shownIn(tree).replaceAll('\n', ' ')).join(' ')).toBe(
    `Welcome to Ada. ${words}. ${words}.`,
  );
  expect(vtt).toContain('<v Speaker 1>Welcome to Ada.</v>');
  expect(vtt).toContain('<v Ada &lt;b&gt;>');
  expect(parseSrt(srt)[1]?.text).toContain('Ada ‹b>:');
  expect(vtt + srt).not.toContain('subscribe');
});

test('a transcript without segments is a file of no cues', () => {
  const { vtt, srt } = chained([]);
  expect(parseVtt(vtt)).toEqual([]);
  expect(srt).toBe('');
});
