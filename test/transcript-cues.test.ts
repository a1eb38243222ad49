import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cue, cuesOf } from '../relay/cues.ts';
import type { SpokenCaption, SpokenWord } from '../relay/transcript.ts';
import { lineLimit, seen, spoken, visible } from './harness/spoken.ts';

const cues = (
  captions: readonly SpokenCaption[],
  zeroMs = captions[0]?.caption.start ?? 0,
  withLabels = false,
): Cue[] => [...cuesOf([captions], { zeroMs, withLabels })].flat();

const joint = (list: readonly Cue[]) => list.map(({ lines }) => lines.join('|'));

/** The rules that hold for every cue, whatever was said. */
function expectRules(list: readonly Cue[]): void {
  let end = 0;
  for (const { startMs, endMs, lines } of list) {
    expect(startMs).toBeGreaterThanOrEqual(end);
    expect(Number.isInteger(startMs) && Number.isInteger(endMs)).toBe(true);
    expect(endMs - startMs).toBeGreaterThanOrEqual(1000);
    expect(endMs - startMs).toBeLessThanOrEqual(7000);
    expect([1, 2]).toContain(lines.length);
    for (const line of lines) {
      expect(line).toMatch(/\S/);
      expect(line).toBe(line.trim());
      expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      expect(seen(line)).toBeLessThanOrEqual(lineLimit(line));
    }
    end = endMs;
  }
}

/** Stretches of one speaker and language, with what can be seen of their text. */
function stretches(list: readonly { speaker: string | null; language: string; text: string }[]): string[] {
  const out: string[] = [];
  let before = '';
  for (const { speaker, language, text } of list) {
    if (visible(text) === '') continue;
    const key = `${speaker} ${language}: `;
    if (key !== before) out.push(key);
    before = key;
    out[out.length - 1] += visible(text);
  }
  return out;
}

const word = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z]{1,12}[.,;!?]?$/) },
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '本日はお集まりいただきありがとうございます。',
    '字幕',
    '안녕하세요',
    'สวัสดีครับทุกคน',
    'مرحبا',
    'Dr.',
    '—',
    'l’acqua',
  ),
  fc.constantFrom(
    '👩‍👩‍👧‍👦',
    '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
    'e\u0301'.repeat(50),
    `a${'\u0301'.repeat(200)}`,
    '\u200b'.repeat(300),
    '👩\u200d'.repeat(40),
  ),
  fc.constantFrom(
    '\u202eevil',
    '\u2066x',
    '-->',
    '<b>',
    '&amp;',
    '\0',
    'a\r\nb',
    'c\u2028d',
    '\ud800',
    '\ufeff',
    '\u2069',
  ),
  fc.constantFrom('x'.repeat(200), '字'.repeat(90), '漢a'.repeat(40), '한'.repeat(40), '。'.repeat(50), '('.repeat(50)),
);
const caption = fc
  .record({
    words: fc.array(word, { maxLength: 25 }),
    start: fc.integer({ min: -2000, max: 60_000 }),
    length: fc.integer({ min: -10, max: 20_000 }),
    speaker: fc.constantFrom(null, null, '0', '1'),
    language: fc.constantFrom('en-US', 'en-US', 'it-IT', 'ja-JP', 'ar', 'no such language'),
    timing: fc.constantFrom('none', 'even', 'wrong'),
    timeUncertain: fc.boolean(),
  })
  .map(({ words, start, length, timing, ...fields }) => {
    const end = start + length;
    const timed = words.map((text, i): SpokenWord => {
      const at = start + (length * i) / words.length;
      return timing === 'even' ? [text, at, at + length / words.length / 2] : [`${text}?`, end - i * 1000, start];
    });
    return spoken(words.join(' '), start, end, { ...fields, words: timing === 'none' ? [] : timed });
  });

test('whatever was said: two lines of 42 or 16 letters, 1 to 7 s, in order, never overlapping, no letter lost', {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.array(caption, { maxLength: 8 }), fc.boolean(), (captions, isSorted) => {
      const list = isSorted ? captions.toSorted((a, b) => a.caption.start - b.caption.start) : captions;
      const made = cues(list, 0);
      expectRules(made);
      expect(stretches(made.map((cue) => ({ ...cue, text: cue.lines.join('') })))).toEqual(
        stretches(list.map((each) => each.caption)),
      );
      expectRules(cues(list, 0, true));
    }),
    { numRuns: 200 },
  );
});

/** Speech as people speak: each word known by its number, with its time. */
const speech = fc
  .array(
    fc.record({
      letters: fc.integer({ min: 0, max: 9 }),
      ms: fc.integer({ min: 120, max: 600 }),
      pauseMs: fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: 0, max: 200 }) },
        { weight: 3, arbitrary: fc.integer({ min: 200, max: 1400 }) },
        { weight: 1, arbitrary: fc.integer({ min: 1400, max: 9000 }) },
      ),
      mark: fc.constantFrom('', '', '', '', ',', '.'),
      endsCaption: fc.constantFrom(false, false, false, false, false, true),
    }),
    { minLength: 1, maxLength: 250 },
  )
  .chain((words) => fc.tuple(fc.constant(words), fc.constantFrom(1, 1, 0.6, 0.4)))
  .map(([words, pace]) => {
    const captions: SpokenCaption[] = [];
    const times: [number, number][] = [];
    let at = 0;
    let timed: SpokenWord[] = [];
    words.forEach(({ letters, ms, pauseMs, mark, endsCaption }, i) => {
      const start = at + Math.round(pauseMs * pace);
      at = start + Math.round(ms * pace);
      times.push([start, at]);
      timed.push([`${i}${'x'.repeat(letters)}${mark}`, start, at]);
      if (!endsCaption && i < words.length - 1) return;
      captions.push(spoken(timed.map(([text]) => text).join(' '), timed[0]?.[1] ?? 0, at, { words: timed }));
      timed = [];
    });
    return { captions, times };
  });

test('speech at the speed of people: no cue begins before its first word, or 1.5 s after it, or ends before its last', () => {
  fc.assert(
    fc.property(speech, ({ captions, times }) => {
      const made = cues(captions, 0);
      expectRules(made);
      made.forEach(({ startMs, endMs, lines }, i) => {
        const numbers = lines
          .join(' ')
          .split(' ')
          .map((each) => Number.parseInt(each, 10));
        const first = times[numbers[0] ?? -1]?.[0] ?? Number.NaN;
        const last = times[numbers.at(-1) ?? -1]?.[1] ?? Number.NaN;
        expect(startMs).toBeGreaterThanOrEqual(Math.round(first));
        expect(startMs - first).toBeLessThanOrEqual(1500);
        expect(endMs).toBeGreaterThanOrEqual(last - 1500);
        // Faster than 20 letters a second only where the next words come at once.
        const isHasty = seen(lines.join(' ')) * 50 > endMs - startMs + 1;
        if (isHasty && endMs - startMs < 7000) expect(made[i + 1]?.startMs).toBe(endMs);
      });
    }),
    { numRuns: 300 },
  );
});

test('a cue ends where a sentence does, then at a clause, before a conjunction or a preposition, never after an article', () => {
  const at = (text: string, language = 'en-US') => joint(cues([spoken(text, 0, text.length * 70, { language })]));
  expect(
    at(
      'It is harder than it looks. People speak at two hundred words a minute, and nobody in the room wants to wait for the rest of the sentence.',
    ),
  ).toEqual([
    'It is harder than it looks. People speak|at two hundred words a minute,',
    'and nobody in the room wants to wait|for the rest of the sentence.',
  ]);
  expect(
    at('The first of all sentences ends here. The second one, which is a little longer, ends a bit later than here.'),
  ).toEqual([
    'The first of all sentences ends here.',
    'The second one, which is a little longer,|ends a bit later than here.',
  ]);
  for (const [language, text, tied] of [
    [
      'en-GB',
      'we had a look at the words of the speaker and found that an answer to the question was in the notes of the room',
      /\b(a|an|the|of|at|to|in|and|that)$/,
    ],
    [
      'it-IT',
      'abbiamo dato uno sguardo alle parole del relatore e la risposta alla domanda era nelle note della sala che è stata usata per la prova',
      /\b(uno|alle|del|e|la|alla|nelle|della|che|per)$/,
    ],
  ] as const)
    for (const line of at(text, language).flatMap((each) => each.split('|'))) expect(line).not.toMatch(tied);
});

test('a cue does not end with the first words of a sentence that goes on in the next one', () => {
  const at = (texts: string[], language = 'en-US') => {
    const list: SpokenCaption[] = [];
    for (const text of texts) {
      const start = list.at(-1)?.caption.end ?? 0;
      list.push(spoken(text, start, start + text.length * (language === 'ja-JP' ? 180 : 60), { language }));
    }
    return joint(cues(list));
  };
  const talks = [
    at(['So what did we do? Well, first of all, we wrote down everything that had ever gone wrong with it.']),
    at([
      'They do mind when the text jumps around while they are reading it.',
      'Dr. Smith, who is here in the front row, put it best: if I have to find my place again, I have already lost it.',
      'In 2019, according to a survey by the University of Illinois, two thirds of them had left a talk early.',
    ]),
    at(['聴覚に障害のある方が途中で退席したことがあるそうです。', 'はい、それでは質問のある方はどうぞ。'], 'ja-JP'),
  ];
  for (const list of talks.flat()) expect(list).not.toMatch(/(Well,|Dr. Smith,|In 2019,|はい、)$/);
});

test('an abbreviation, an initial or a number with a point ends no sentence', () => {
  const lines = joint(
    cues([spoken('We thank Dr. Smith and J. Jones, e.g. for 3.5 of the many things that they did.', 0, 6000)]),
  );
  for (const line of lines.flatMap((each) => each.split('|'))) expect(line).not.toMatch(/(Dr|J|e\.g)\.$/);
});

test('no word is left alone on a line or in a cue where it can be helped', () => {
  const text = 'these are forty-two letters and one more so';
  expect(seen(text)).toBe(43);
  const [only, ...more] = joint(cues([spoken(text, 0, 3000)]));
  expect(more).toEqual([]);
  for (const line of only?.split('|') ?? []) expect(line.split(' ').length).toBeGreaterThan(2);
});

test('Japanese breaks behind particles and marks, Korean between its words, both within 16 letters', () => {
  const at = (text: string, language: string) => joint(cues([spoken(text, 0, text.length * 200, { language })]));
  expect(at('この発表では、会議の字幕をどのように正しい順序で保存するかについてお話しします。', 'ja-JP')).toEqual([
    'この発表では、会議の字幕を|どのように正しい順序で',
    '保存するかについてお話しします。',
  ]);
  // The segmenter takes words apart: foreign ones, and verbs from what ends them.
  for (const [text, whole] of [
    [
      'Kubernetesのクラスターを使えば解決できると言う人もいましたが、私はそうは思いません。',
      ['クラスター', '使えば', '思いません'],
    ],
    [
      '本日はアクセシブルなイベントについてのセッションにお集まりいただき、ありがとうございます。',
      ['アクセシブル', 'イベントについて', 'お集まり'],
    ],
    ['難しいのは音声認識ではありませんでした。私は市立図書館で働いておりまして、', ['ではありませんでした', '働いて']],
  ] as const) {
    const lines = at(text, 'ja-JP').join('|');
    for (const each of whole) expect(lines).toContain(each);
  }
  for (const line of at(
    '네트워크가 끊겨도 단어는 사라지지 않습니다. 오늘은 자막에 대해 말씀드리겠습니다.',
    'ko-KR',
  ).flatMap((each) => each.split('|'))) {
    expect(seen(line)).toBeLessThanOrEqual(16);
    expect(line).not.toMatch(/(네트워|말씀드리|사라지|않습니)$/);
  }
});

test('short captions that follow each other at once share a cue; another speaker or language begins a new one', () => {
  const quick = ['Yes.', 'No.', 'Maybe.'].map((text, i) => spoken(text, i * 300, i * 300 + 250));
  expect(cues(quick)).toMatchObject([{ startMs: 0, endMs: 1000, lines: ['Yes. No. Maybe.'] }]);
  const two = [spoken('Yes.', 0, 900, { speaker: '0' }), spoken('No.', 1000, 1900, { speaker: '1' })];
  expect(cues(two)).toMatchObject([
    { lines: ['Yes.'], speaker: '0' },
    { lines: ['No.'], speaker: '1' },
  ]);
  expect(cues(two, 0, true).map(({ lines }) => lines)).toEqual([['Speaker 1: Yes.'], ['Speaker 2: No.']]);
  const tongues = [spoken('Yes.', 0, 900), spoken('Sì.', 1000, 1900, { language: 'it-IT' })];
  expect(cues(tongues)).toMatchObject([{ language: 'en-US' }, { language: 'it-IT' }]);
});

test('a short cue stays until it can be read with ease, and to the next one across a blink', () => {
  expect(cues([spoken('Yes.', 5000, 5200)])).toMatchObject([{ startMs: 0, endMs: 1000 }]);
  const fast = 'twenty-four letters here';
  expect(cues([spoken(fast, 0, 1000)])).toMatchObject([{ startMs: 0, endMs: 1600 }]);
  expect(cues([spoken(fast, 0, 1000), spoken('Next.', 1200, 1900, { speaker: '1' })])).toMatchObject([
    { startMs: 0, endMs: 1200 },
    { startMs: 1200 },
  ]);
  expect(cues([spoken('Then what?', 0, 1000), spoken('This.', 1400, 2400, { speaker: '1' })])).toMatchObject([
    { startMs: 0, endMs: 1400 },
    { startMs: 1400 },
  ]);
});

test('a cue that is hard to read holds up those after it by no more than 1.5 s, however short they are', () => {
  const fast = 'words come so fast that nobody can read them in the time that they take to say';
  const said = [spoken(fast, 0, 3000)];
  for (let i = 0; i < 5; i++) said.push(spoken(`Who ${i}?`, 3000 + i * 800, 3700 + i * 800, { speaker: String(i) }));
  const made = cues(said, 0);
  expectRules(made);
  made.forEach(({ startMs }, i) => {
    expect(startMs - (said[i]?.caption.start ?? 0)).toBeLessThanOrEqual(1500);
  });
  expect(made[0]?.endMs).toBeGreaterThan(3000);
  const alone = cues([...said.slice(0, 1), spoken('Who?', 3000, 6000, { speaker: '1' })], 0);
  // As long as reading takes, at 20 letters a second, and no longer.
  expect(alone[0]?.endMs).toBe(fast.length * 50);
});

test('words have the engine’s times, also around what an organizer corrected', () => {
  const said = 'so we use kubernetties for all of it and it never fails us in the night'.split(' ');
  const words = said.map((text, i): SpokenWord => [text, i * 1000, i * 1000 + 900]);
  const corrected = 'So, we use Kubernetes, for all of it! And it never ever fails us in the night.';
  const made = cues([spoken(corrected, 0, 15_900, { words })]);
  expectRules(made);
  expect(made.map(({ lines }) => lines.join(' ')).join(' ')).toBe(corrected);
  // What was not changed begins when it was said.
  const begins = new Map(
    made.map(({ startMs, lines }) => [lines[0]?.split(' ')[0]?.replace(/\W/g, '').toLowerCase(), startMs]),
  );
  const unchanged = said.filter((text) => begins.has(text) && said.indexOf(text) === said.lastIndexOf(text));
  expect(unchanged.length).toBeGreaterThan(1);
  for (const text of unchanged) expect(begins.get(text)).toBe(said.indexOf(text) * 1000);
});

test('signs without letters share the time of their caption, and none is later than its end', () => {
  const [cue] = cues([spoken('♪ ♪ ♪ ♪', 0, 4000), spoken('♪', 8000, 9000)], 0);
  expect(cue).toMatchObject({ startMs: 0, endMs: 4000, lines: ['♪ ♪ ♪ ♪'] });
});

test('a pause in the midst of a caption ends its cue, and the next begins with its word', () => {
  const words: SpokenWord[] = [
    ['wait', 0, 400],
    ['for', 500, 700],
    ['it', 700, 900],
    ['now', 5000, 5400],
  ];
  expect(cues([spoken('wait for it now', 0, 5400, { words })])).toMatchObject([
    { startMs: 0, lines: ['wait for it'] },
    { startMs: 5000, lines: ['now'] },
  ]);
});

test('what more is said than can be shown is caught up with in the next pause', () => {
  const flood = spoken('word '.repeat(400), 0, 10_000);
  const made = cues([flood, spoken('Later, at last.', 60_000, 62_000)]);
  expectRules(made);
  expect(made.at(-1)).toMatchObject({ startMs: 60_000, lines: ['Later, at last.'] });
});

test('100,000 letters without a space, of any kind, are made into cues a step at a time', { timeout: 120_000 }, () => {
  for (const letter of ['a', '字', 'é', '👩‍👧', '\u200d', '한', '\u202e', 'ก']) {
    const text = letter.repeat(100_000 / letter.length);
    const steps = [...cuesOf([[spoken(text, 0, 20_000, { language: 'ja-JP' })]], { zeroMs: 0 })];
    // One more run of words than asked for, and what was held back.
    for (const step of steps) expect(step.length).toBeLessThan(500);
    const made = steps.flat();
    expect(visible(made.map(({ lines }) => lines.join('')).join(''))).toBe(visible(text));
    expectRules(made.slice(0, 200));
  }
});

test('a talk that goes on without a pause is cut as it comes, and the same wherever its pages end', () => {
  const text = 'and so it goes on, from one word to the next, as people do who never stop to breathe';
  const list = Array.from({ length: 300 }, (_, i) => spoken(text, i * 5000, i * 5000 + 5000));
  const whole = cues(list, 0);
  expectRules(whole);
  const generator = cuesOf(
    list.map((each) => [each]),
    { zeroMs: 0 },
  );
  const paged: Cue[][] = [...generator].map((each) => [...each]);
  expect(paged.flat()).toEqual(whole);
  expect(Math.max(...paged.map((each) => each.length))).toBeLessThan(60);
});
