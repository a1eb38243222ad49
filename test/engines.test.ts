import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Word } from '../relay/engines/engine.ts';
import { candidates, type Prepared } from './harness/engine-candidates.ts';
import { EngineRecorder, play } from './harness/engine-recorder.ts';

const sampleRate = 16000;
const middle = ({ start, end }: { start: number; end: number }) => (start + end) / 2;
const wordsOf = (recorder: EngineRecorder): Word[] =>
  recorder.results('final').flatMap(({ words }) => words.filter(({ kind }) => kind === 'word'));

describe.each(candidates)('engine $name', ({ name, available, prepare }) => {
  const reason = available();
  if (reason !== true) {
    console.warn(`engine ${name} is not tested here: ${reason}`);
    test.skip(reason, () => {});
    return;
  }

  let given: Prepared;
  let handlesAtFirst: string[];
  /** Sockets, pipes and children; timers come and go with the test runner itself. */
  const handles = () =>
    process
      .getActiveResourcesInfo()
      .filter((each) => /TCPSocket|TLS|Pipe|Process|Worker/.test(each))
      .sort();
  beforeAll(async () => {
    given = await prepare();
    handlesAtFirst = handles();
  });
  afterAll(async () => {
    await given.stop();
  });

  const settings = () => ({ room: 'a-room', language: given.language });
  const open = () => {
    const recorder = new EngineRecorder();
    return { recorder, session: given.engine.open(settings(), recorder) };
  };
  const runWhole = async (sizes?: readonly number[]) => {
    const { recorder, session } = open();
    const silence = new Int16Array(2 * sampleRate);
    const audio = new Int16Array(given.audio.length + silence.length);
    audio.set(given.audio);
    await play(session, audio, { speed: given.speed, ...(sizes && { sizes }) });
    session.end(given.endTimeoutMs);
    await recorder.over();
    return { recorder, session, written: audio.length };
  };
  const expectWords = (recorder: EngineRecorder) =>
    expect(wordsOf(recorder).map(({ text }) => text)).toEqual(given.expected.map(({ text }) => text));

  test('says ready once and first, and ended once and last', async () => {
    const { recorder } = await runWhole();
    expect(recorder.names[0]).toBe('ready');
    expect(recorder.names.at(-1)).toBe('ended');
    expect(recorder.names.filter((each) => each === 'ready' || each === 'ended' || each === 'failed')).toHaveLength(2);
  });

  test('says every word once, in finals, where it lies in the audio', async () => {
    const { recorder, written } = await runWhole();
    expectWords(recorder);
    for (const [i, word] of wordsOf(recorder).entries()) {
      const at = given.expected[i];
      expect(Math.abs(word.start - (at?.start ?? 0))).toBeLessThanOrEqual(given.toleranceSamples);
      expect(Math.abs(word.end - (at?.end ?? 0))).toBeLessThanOrEqual(given.toleranceSamples);
    }
    const finals = recorder.results('final');
    for (const final of finals) {
      expect(final.text).not.toBe('');
      expect(final.language).toBe(given.language);
      expect(final.start).toBeGreaterThanOrEqual(0);
      expect(final.end).toBeGreaterThan(final.start);
      expect(final.end).toBeLessThanOrEqual(written);
      for (const word of final.words) {
        expect(word.end).toBeGreaterThanOrEqual(word.start);
        expect(middle(word)).toBeGreaterThanOrEqual(final.start);
        expect(middle(word)).toBeLessThanOrEqual(final.end);
      }
    }
    expect(finals.map(({ start }) => start)).toEqual(finals.map(({ start }) => start).sort((a, b) => a - b));
  });

  test('partials of a segment grow until its final, and its id is never used again', async () => {
    const { recorder } = await runWhole();
    const over = new Set<string>();
    const ends = new Map<string, number[]>();
    for (const each of recorder.calls) {
      if (!('result' in each)) continue;
      const { id, text, end } = each.result;
      expect(text).not.toBe('');
      expect(over.has(id)).toBe(false);
      if (each.call === 'final') over.add(id);
      else ends.set(id, [...(ends.get(id) ?? []), end]);
    }
    expect([...ends.keys()].every((id) => over.has(id))).toBe(true);
    expect(Math.max(...[...ends.values()].map(({ length }) => length))).toBeGreaterThan(1);
    for (const each of ends.values()) expect(each).toEqual([...each].sort((a, b) => a - b));
  });

  test('end, right after the last word, brings the remaining finals and then ended', async () => {
    const { recorder, session } = open();
    await play(session, given.audio, { speed: given.speed });
    session.end(given.endTimeoutMs);
    session.end(given.endTimeoutMs);
    session.write(new Uint8Array(3200), { stream: 'a-stream', position: given.audio.length });
    await recorder.over();
    expect(recorder.names.at(-1)).toBe('ended');
    expectWords(recorder);
  });

  test('an end without any audio is answered by ended', async () => {
    const { recorder, session } = open();
    session.end(given.endTimeoutMs);
    await recorder.over();
    expect(recorder.names.filter((each) => each !== 'ready')).toEqual(['ended']);
  });

  test('pieces of any even size carry the same words', async () => {
    const { recorder } = await runWhole([2, 3200, 314, 1600, 3198, 46]);
    expectWords(recorder);
  });

  test('after abort, at any moment and twice, nothing is said', async () => {
    const early = open();
    early.session.abort();
    const late = open();
    await play(late.session, given.audio, { speed: given.speed, until: () => late.recorder.names.includes('partial') });
    await late.recorder.saw('partial');
    const before = late.recorder.calls.length;
    late.session.abort();
    late.session.abort();
    late.session.end(given.endTimeoutMs);
    late.session.write(new Uint8Array(3200), null);
    const ending = open();
    ending.session.end(given.endTimeoutMs);
    ending.session.abort();
    // Another session's whole life: time enough for anything the aborted ones had to say.
    const { session } = await runWhole();
    session.abort();
    session.end(given.endTimeoutMs);
    expect(early.recorder.calls).toEqual([]);
    expect(late.recorder.calls).toHaveLength(before);
    expect(ending.recorder.calls).toEqual([]);
  });

  test('sessions beside each other do not mix', async () => {
    const runs = await Promise.all([runWhole(), runWhole()]);
    for (const { recorder } of runs) expectWords(recorder);
  });

  test('a language it lacks is refused with a hint, and an opening with it fails once', async () => {
    expect(given.engine.check(settings())).toBeNull();
    if (given.refusedLanguage === null) return;
    const refused = { room: 'a-room', language: given.refusedLanguage };
    expect(given.engine.check(refused)?.hint).toMatch(/\w/);
    const recorder = new EngineRecorder();
    given.engine.open(refused, recorder);
    await recorder.over();
    await runWhole();
    expect(recorder.names).toEqual(['failed']);
    expect(recorder.failures[0]?.kind).toBe('configuration');
  });

  test('sessions opened and closed many times leave no handle behind', async () => {
    for (let i = 0; i < given.cycles; i++) {
      const { recorder, session } = open();
      session.write(new Uint8Array(3200), { stream: 'a-stream', position: 0 });
      if (i % 2 === 0) session.abort();
      else {
        session.end(given.endTimeoutMs);
        await recorder.over();
      }
    }
    await vi.waitFor(() => expect(handles()).toEqual(handlesAtFirst), { timeout: 10_000, interval: 50 });
  });
});
