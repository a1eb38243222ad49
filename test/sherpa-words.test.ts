import { describe, expect, test } from 'vitest';
import type { HostMessage } from '../relay/engines/recogniser-messages.ts';
import type { Recogniser } from '../relay/engines/sherpa-library.ts';
import { SherpaListening } from '../relay/engines/sherpa-listening.ts';
import { languagesOfName, modelFor } from '../relay/engines/sherpa-models.ts';
import { type NativeResult, wordsOf } from '../relay/engines/sherpa-words.ts';

const rate = 16000;
const hour = 3600 * rate;

function result(text: string, pieces: readonly (readonly [string, number])[], more: Partial<NativeResult> = {}) {
  const tokens = pieces.map(([token]) => token);
  const timestamps = pieces.map(([, seconds]) => seconds);
  return { text, tokens, timestamps, ys_probs: [], start_time: 0, ...more } satisfies NativeResult;
}
const seconds = (of: NativeResult, limit = hour) =>
  wordsOf(of, limit).map(({ text, start, end }) => [text, start / rate, end / rate]);

describe('the words of a result', () => {
  test('are their pieces joined, from where the first begins to where the next word does, at most 0.3 s after the last', () => {
    const said = result(' GOOD MORNING ALL', [
      [' GOOD', 1],
      [' MOR', 1.2],
      ['N', 1.4],
      ['ING', 1.5],
      [' ALL', 2.5],
    ]);
    expect(seconds(said)).toEqual([
      ['GOOD', 1, 1.2],
      ['MORNING', 1.2, 1.8],
      ['ALL', 2.5, 2.8],
    ]);
  });

  test('count from the start of the session, not of the utterance', () => {
    expect(seconds(result('ciao', [[' ciao', 0.5]], { start_time: 60 }))).toEqual([['ciao', 60.5, 60.8]]);
  });

  test('never lie beyond the audio that was written', () => {
    const said = result('so it ends', [
      [' so', 0.9],
      [' it', 1.2],
      [' ends', 1.4],
    ]);
    for (const { start, end } of wordsOf(said, rate)) {
      expect(end).toBeLessThanOrEqual(rate);
      expect(end).toBeGreaterThan(start);
    }
  });

  test('are told apart by a space of its own, by ▁, and by letters one by one', () => {
    const letters = result('да нет', [
      ['д', 0],
      ['а', 0.1],
      [' ', 0.2],
      ['н', 0.4],
      ['е', 0.5],
      ['т', 0.6],
      [' ', 0.7],
    ]);
    expect(seconds(letters).map(([text]) => text)).toEqual(['да', 'нет']);
    // Bytes in place of letters: the text alone is readable, the pieces say where its words lie.
    const bytes = result('über uns', [
      ['▁ƌ', 0],
      ['ţ', 0.1],
      ['▁uns', 0.5],
    ]);
    expect(seconds(bytes).map(([text, start]) => [text, start])).toEqual([
      ['über', 0],
      ['uns', 0.5],
    ]);
  });

  test('have the mean confidence of their pieces, or none', () => {
    const pieces = [
      [' a', 0],
      ['b', 0.1],
    ] as const;
    const [word] = wordsOf(result('ab', pieces, { ys_probs: [Math.log(0.25), Math.log(1)] }), hour);
    expect(word?.confidence).toBeCloseTo(0.5);
    expect(wordsOf(result('ab', pieces), hour)[0]?.confidence).toBeNull();
  });

  test('are left whole where pieces and words do not match, and where there are no times', () => {
    expect(wordsOf(result('one two', [[' onetwo', 0]]), hour)).toEqual([]);
    expect(wordsOf(result('你好', [], { tokens: ['你', '好'] }), hour)).toEqual([]);
  });
});

/** Says the words of a script at the times written there; a pause of `pause` seconds ends an utterance. */
class FakeRecogniser implements Recogniser {
  readonly capitalsOnly: boolean;
  readonly #script: readonly (readonly [string, number])[];
  readonly #timed: boolean;
  readonly #pause = 0.8;
  #now = 0;
  #resetAt = 0;
  #said = 0;

  constructor(script: readonly (readonly [string, number])[], { timed = true, capitalsOnly = false } = {}) {
    this.#script = script;
    this.#timed = timed;
    this.capitalsOnly = capitalsOnly;
  }

  accept(samples: Float32Array): boolean {
    this.#now += samples.length / rate;
    return true;
  }
  finish(): void {
    this.#now += 2;
  }
  result(): NativeResult {
    const pieces = this.#script
      .filter(([, at], i) => i >= this.#said && at < this.#now)
      .map(([piece, at]) => [piece, at - this.#resetAt] as const);
    const text = pieces.map(([piece]) => piece).join('');
    const found = result(text, pieces, { start_time: this.#resetAt });
    return this.#timed ? found : { ...found, timestamps: [] };
  }
  isEndpoint(): boolean {
    const last = this.#script.findLast(([, at]) => at < this.#now);
    return this.#now - (last?.[1] ?? 0) >= this.#pause;
  }
  reset(): void {
    this.#resetAt = this.#now;
    this.#said = this.#script.filter(([, at]) => at < this.#now).length;
  }
}

function hear(recogniser: FakeRecogniser, durationSeconds: number): HostMessage[] {
  const said: HostMessage[] = [];
  const listening = new SherpaListening(recogniser, (message) => said.push(message));
  listening.hear(Buffer.alloc(durationSeconds * rate * 2));
  listening.end();
  return said;
}
const finals = (said: readonly HostMessage[]) => said.filter((each) => each.type === 'final');
const talk = (words: number, every: number) => Array.from({ length: words }, (_, i) => [` w${i}`, i * every] as const);

describe('what is heard', () => {
  test('grows in partials, is final after a pause, and each utterance has a number of its own', () => {
    const said = hear(
      new FakeRecogniser([
        [' good', 0.1],
        [' morn', 0.4],
        ['ing', 0.7],
        [' bye', 3],
      ]),
      4.5,
    );
    const texts = said.flatMap((each) => ('text' in each ? [`${each.type} ${each.number} ${each.text}`] : []));
    expect(texts).toEqual([
      'partial 0 good',
      'partial 0 good morn',
      'partial 0 good morning',
      'final 0 good morning',
      'partial 1 bye',
      'final 1 bye',
    ]);
  });

  test('is nothing in silence, and nothing without audio', () => {
    expect(hear(new FakeRecogniser([]), 10).every(({ type }) => type === 'progress')).toBe(true);
    expect(hear(new FakeRecogniser([]), 0)).toEqual([]);
  });

  test('from a speaker who never pauses is cut into finals of at most 16 s, each word once and in its place', () => {
    const script = talk(1500, 0.4);
    const said = finals(hear(new FakeRecogniser(script), 600));
    const words = said.flatMap(({ words }) => words);
    expect(words.map(({ text }) => text)).toEqual(script.map(([piece]) => piece.trim()));
    for (const [i, { start }] of words.entries()) expect(start / rate).toBeCloseTo(script[i]?.[1] ?? 0, 3);
    for (const { start, end, text, words } of said) {
      expect(end - start).toBeLessThanOrEqual(16 * rate);
      expect(text).toBe(words.map((word) => word.text).join(' '));
    }
  });

  test('is cut at the longest pause of its second half, not within a word', () => {
    const script = [
      ...Array.from({ length: 30 }, (_, i) => [` a${i}`, i * 0.4] as const),
      ...Array.from({ length: 30 }, (_, i) => [` b${i}`, 12.3 + i * 0.4] as const),
    ];
    const [first] = finals(hear(new FakeRecogniser(script), 20));
    expect(first?.text.split(' ').at(-1)).toBe('a29');
  });

  test('and whose pieces stop matching its words is still said once', () => {
    const script = talk(100, 0.4).map(([piece, at], i) => [i === 60 ? ' w60a w60b' : piece, at] as const);
    const said = finals(hear(new FakeRecogniser(script), 45));
    expect(said.map(({ text }) => text).join(' ')).toBe(script.map(([piece]) => piece.trim()).join(' '));
    for (const [i, { start }] of said.entries()) expect(start).toBeGreaterThanOrEqual(said[i - 1]?.end ?? 0);
  });

  test('without word times is a whole text between the silence before it and now', () => {
    const said = finals(hear(new FakeRecogniser([['你', 2.05], ['好', 2.3], ['吗', 4.55]], { timed: false }), 6)); // biome-ignore format: one line reads best
    expect(said.map(({ text, words }) => [text, words.length])).toEqual([
      ['你好', 0],
      ['吗', 0],
    ]);
    const [first] = said;
    expect(first?.start).toBeLessThanOrEqual(2.05 * rate);
    expect(first?.start).toBeGreaterThan(1.9 * rate);
    expect(first?.end).toBeGreaterThan(2.3 * rate);
  });

  test('in capitals only is written small', () => {
    const said = finals(hear(new FakeRecogniser([[' GOOD', 0.1], [' DAY', 0.4]], { capitalsOnly: true }), 2)); // biome-ignore format: one line reads best
    expect(said[0]).toMatchObject({ text: 'good day', words: [{ text: 'good' }, { text: 'day' }] });
  });

  test('is reported as done every half second', () => {
    const done = hear(new FakeRecogniser([]), 2).flatMap((each) => (each.type === 'progress' ? [each.samples] : []));
    expect(done).toEqual([8000, 16_000, 24_000, 32_000]);
  });
});

describe('the language of a model', () => {
  test.each([
    ['sherpa-onnx-streaming-zipformer-en-2023-06-26', ['en']],
    ['sherpa-onnx-streaming-zipformer-bilingual-zh-en-2023-02-20', ['zh', 'en']],
    ['sherpa-onnx-streaming-zipformer-korean-2024-06-16', ['ko']],
    ['sherpa-onnx-streaming-paraformer-trilingual-zh-cantonese-en', ['zh', 'yue', 'en']],
    [
      'sherpa-onnx-streaming-zipformer-ar_en_id_ja_ru_th_vi_zh-2025-02-10',
      ['ar', 'en', 'id', 'ja', 'ru', 'th', 'vi', 'zh'],
    ],
    ['sherpa-onnx-streaming-t-one-russian-2025-09-08', ['ru']],
    ['model-3', []],
  ])('is in its name: %s', (name, languages) => {
    expect(languagesOfName(name)).toEqual(languages);
  });

  const models = [
    { folder: '/models/a-it', languages: ['it'] },
    { folder: '/models/b-en-de', languages: ['en', 'de'] },
  ];
  test('decides which of several models a room gets', () => {
    expect(modelFor(models, 'de-CH')).toBe(models[1]);
    expect(modelFor(models, 'it')).toBe(models[0]);
  });
  test('that none speaks is refused, naming both', () => {
    expect(modelFor(models, 'fr-FR')).toMatchObject({
      code: 'language-unsupported',
      message: expect.stringMatching(/it, en, de.*fr-FR/),
    });
  });
  test('that nothing says is asked for', () => {
    expect(modelFor([{ folder: '/models/x', languages: [] }], 'fr-FR')).toMatchObject({
      code: 'language-unknown',
      hint: expect.stringContaining('--sherpa-language fr'),
    });
  });
});
