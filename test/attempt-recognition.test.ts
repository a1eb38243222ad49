import { beforeEach, expect, test } from 'vitest';
import { Attempt, type Heard } from '../relay/attempt.ts';
import type { Engine, EngineFailure, EngineListener, Mark, Word } from '../relay/engines/engine.ts';
import { frameSamples } from '../relay/protocol.js';
import { changeRecognition, defaultRecognition, type RecognitionChange } from '../relay/recognition.ts';
import { SaidWords } from '../relay/said.ts';

let listener: EngineListener | null;
let finals: Heard[];
let partials: (Heard | null)[];
let failures: EngineFailure[];
let answers: number;

const engineOf = (fields: Partial<Engine> = {}): Engine => ({
  name: 'fake',
  paid: false,
  promptPartials: true,
  check: () => null,
  open: (_settings, given) => {
    listener = given;
    return { write() {}, end() {}, abort() {} };
  },
  ...fields,
});

/** A session that heard ten frames of the stream `a`, from position 1000 on. */
function attempt(recognition: RecognitionChange, engine = engineOf({ takesRecognition: true })): EngineListener | null {
  const settings = { room: 'hall', language: 'en-US', recognition: changeRecognition(defaultRecognition, recognition) };
  const events = {
    ready: () => {},
    answered: () => answers++,
    partial: (heard: Heard | null) => partials.push(heard),
    final: (heard: Heard | null) => heard && finals.push(heard),
    ended: () => {},
    failed: (failure: EngineFailure) => failures.push(failure),
  };
  const made = new Attempt(engine, settings, 0, events, null, new SaidWords((_stream, position) => position / 16));
  for (let i = 0; i < 10; i++) made.write('a', 1000 + i * frameSamples, new Uint8Array(frameSamples * 2));
  return listener;
}

const word = (text: string, frame: number, speaker: string | null = null): Word => ({
  text,
  start: frame * frameSamples,
  end: (frame + 1) * frameSamples,
  kind: /^\w/.test(text) ? 'word' : 'punctuation',
  confidence: null,
  speaker,
  stable: true,
});
const result = (words: readonly Word[], marks: readonly Mark[] = []) => ({
  id: 'x',
  text: words.map(({ text }) => text).join(' '),
  start: words[0]?.start ?? 0,
  end: words.at(-1)?.end ?? 0,
  words,
  language: 'en-US',
  ...(marks.length > 0 && { marks }),
});

beforeEach(() => {
  listener = null;
  finals = [];
  partials = [];
  failures = [];
  answers = 0;
});

test('while personal data is redacted partials are not shown, for they are not redacted; they count as an answer', () => {
  const engine = attempt({ pii: 'redact' });
  engine?.partial(result([word('secret', 0)]));
  expect({ partials, answers }).toEqual({ partials: [], answers: 1 });
  engine?.final(result([word('[NAME]', 0)]));
  expect(finals).toHaveLength(1);
});

test('while it is only marked they are', () => {
  attempt({ pii: 'identify' })?.partial(result([word('open', 0)]));
  expect(partials).toHaveLength(1);
});

test('each speaker’s words are a caption of their own; a partial stays one', () => {
  const words = [word('yes', 0, '0'), word('and', 1), word('no', 2, '1'), word('yes', 3, '0')];
  const engine = attempt({ speakerLabels: true });
  engine?.partial(result(words));
  engine?.final(result(words));
  expect(partials.map((heard) => heard?.text)).toEqual(['yes and no yes']);
  expect(finals.map(({ text, speaker }) => [speaker, text])).toEqual([
    ['0', 'yes and'],
    ['1', 'no'],
    ['0', 'yes'],
  ]);
  expect(finals.map(({ from, to }) => [from, to])).toEqual([
    [1000, 1000 + 2 * frameSamples],
    [1000 + 2 * frameSamples, 1000 + 3 * frameSamples],
    [1000 + 3 * frameSamples, 1000 + 4 * frameSamples],
  ]);
});

test('marks come with the caption that holds them, by position', () => {
  const marks: Mark[] = [
    { kind: 'pii', type: 'NAME', start: frameSamples, end: 2 * frameSamples },
    { kind: 'vocabulary-filter', type: null, start: 2 * frameSamples, end: 3 * frameSamples },
  ];
  const words = [word('a', 0, '0'), word('b', 1, '0'), word('c', 2, '1'), word('d', 3, '1'), word('e', 4, '2')];
  attempt({ speakerLabels: true, pii: 'identify' })?.final(result(words, marks));
  const at = (frame: number) => ({ from: 1000 + frame * frameSamples, to: 1000 + (frame + 1) * frameSamples });
  expect(finals.map((heard) => heard.marks)).toEqual([
    [{ kind: 'pii', type: 'NAME', ...at(1) }],
    [{ kind: 'vocabulary-filter', type: null, ...at(2) }],
    undefined,
  ]);
});

test('an engine that cannot redact is never given audio that is to be redacted, and says so', async () => {
  attempt({ pii: 'redact' }, engineOf());
  expect(listener).toBeNull();
  await Promise.resolve();
  expect(failures).toMatchObject([{ kind: 'configuration', code: 'engine-settings' }]);
  expect(failures[0]?.message).toContain('recognition.pii "redact" clashes with engine "fake"');
});
