import { beforeEach, describe, expect, test } from 'vitest';
import type { Heard } from '../relay/attempt.ts';
import type { Engine, EngineListener } from '../relay/engines/engine.ts';
import { frameSamples, type RangeSet, sampleRate } from '../relay/protocol.js';
import { EngineQuota } from '../relay/quota.ts';
import { defaultRecognition } from '../relay/recognition.ts';
import type { Assignment } from '../relay/rooms.ts';
import { SaidWords } from '../relay/said.ts';
import { Sessions } from '../relay/sessions.ts';
import { createLog } from '../systemd/log.ts';

const frameMs = (frameSamples * 1000) / sampleRate;
const forever = Number.MAX_SAFE_INTEGER;
const assignment: Assignment = {
  id: 1,
  engine: 'fake',
  language: 'en-US',
  recognition: defaultRecognition,
  paused: false,
  fromMs: 0,
};

/** A session of an engine that says what it is told to. */
class FakeSession {
  readonly listener: EngineListener;
  samples = 0;
  over = false;
  #words = 0;
  constructor(listener: EngineListener) {
    this.listener = listener;
  }
  write(audio: Uint8Array): void {
    this.samples += audio.length / 2;
  }
  end(): void {
    this.over = true;
    this.listener.ended();
  }
  abort(): void {
    this.over = true;
  }
  /** One word, in the newest 100 ms it heard. */
  say(text: string, kind: 'partial' | 'final' = 'final'): void {
    if (this.over) return;
    const span = { start: this.samples - frameSamples, end: this.samples };
    const word = { text, ...span, kind: 'word' as const, confidence: null, speaker: null, stable: true };
    this.listener[kind]({ id: `${this.#words++}`, text, ...span, words: [word], language: 'en-US' });
  }
}

/** A frame of a square wave: its RMS is its amplitude. */
function frame(dBFS: number): Uint8Array {
  const level = Math.round(32_767 * 10 ** (dBFS / 20));
  const samples = Int16Array.from({ length: frameSamples }, (_, i) => (i % 40 < 20 ? level : -level));
  return new Uint8Array(samples.buffer);
}
const speech = frame(-20);
const hush = frame(-60);

let nowMs = 0;
let position = 0;
let opened: FakeSession[];
let sessions: Sessions;
let captions: Heard[];
let partials: (string | null)[];
let done: RangeSet[];
let wentBack: number;
let quota: EngineQuota;
let engine: Engine;

beforeEach(() => {
  nowMs = 0;
  position = 0;
  opened = [];
  captions = [];
  partials = [];
  done = [];
  wentBack = 0;
  quota = new EngineQuota({ maxSessions: 3, reserve: 1, maxOpenRate: 100 });
  engine = {
    name: 'fake',
    paid: true,
    promptPartials: true,
    check: () => null,
    open: (_settings, listener) => {
      const session = new FakeSession(listener);
      opened.push(session);
      return session;
    },
  };
  sessions = new Sessions({
    room: 'hall',
    engineFor: () => engine,
    quota,
    said: new SaidWords((_stream, at) => (at * 1000) / sampleRate),
    log: createLog('silent')('test'),
    finishTimeoutMs: 1000,
    now: () => nowMs,
    listener: {
      partial: (heard) => partials.push(heard?.text ?? null),
      final: (heard, behind) => {
        if (heard) captions.push(heard);
        done.push(behind.get('a') ?? []);
      },
      failed: () => wentBack++,
      changed: () => {},
    },
  });
  sessions.open(assignment)?.own('a', [[0, forever]]);
  opened[0]?.listener.ready();
});

/** So much audio in real time, with what a feed does about doubts; each second session is ready as soon as it is opened. */
function play(seconds: number, audio: Uint8Array | ((frame: number) => Uint8Array), heard?: () => void): void {
  for (let i = 0; i < (seconds * 1000) / frameMs; i++) {
    nowMs += frameMs;
    sessions.write('a', position, typeof audio === 'function' ? audio(i) : audio);
    position += frameSamples;
    heard?.();
    if (!sessions.isDoubtful) continue;
    const second = sessions.openSecond();
    second?.own('a', [[position, forever]]);
    if (second) opened.at(-1)?.listener.ready();
  }
}
const session = (index: number): FakeSession => {
  const found = opened[index];
  if (!found) throw new Error(`no session ${index}`);
  return found;
};
const present = () => session(0);
/** Somebody speaks, and the first session says so. */
const talk = (seconds: number) => play(seconds, speech, () => present().say('word', 'partial'));

describe('a session that falls mute while somebody speaks', () => {
  test('is replaced by one that is opened after 5 s and speaks; what it left is undone up to there', () => {
    talk(3);
    present().say('last');
    play(4.9, speech);
    expect(opened).toHaveLength(1);
    play(0.1, speech);
    expect(opened).toHaveLength(2);
    play(1, speech);
    session(1).say('first');
    expect(present().over).toBe(true);
    expect(captions.map(({ text }) => text)).toEqual(['last', 'first']);
    expect(sessions.counters).toMatchObject({ sessions: 2, failures: 1, secondOpinions: 1 });
    expect(wentBack).toBe(0);
    // From the last final to the opening is left to backfill: nobody claims it, nobody calls it done.
    const settled = done.flat();
    expect(settled.every(([from, to]) => to <= 3 * sampleRate || from >= 8 * sampleRate)).toBe(true);
    expect(sessions.all().flatMap((attempt) => attempt.undone().get('a') ?? [])).toEqual([]);
    expect(quota.open).toBe(1);
    expect(sessions.failure).toBeNull();
  });

  test('says nothing of the words right before, which belong to nobody present', () => {
    play(5, speech);
    const second = sessions.present;
    session(1).say('before', 'partial'); // within what it heard before its own audio
    expect(sessions.present).not.toBe(second);
    expect(partials.filter((text) => text !== null)).toEqual([]);
  });

  test('is asked no second opinion before it is ready, nor where an engine has no partials', () => {
    sessions.finish();
    sessions.open(assignment);
    play(20, speech);
    expect(opened).toHaveLength(2);
    engine = { ...engine, promptPartials: false };
    sessions.finish();
    sessions.open(assignment);
    session(2).listener.ready();
    play(20, speech);
    expect(opened).toHaveLength(3);
  });

  test('is doubted again where there was no place for a second one, or it failed', () => {
    const leases = [quota.take('handover', 'other'), quota.take('handover', 'other')];
    play(8, speech);
    expect(opened).toHaveLength(1);
    for (const lease of leases) lease?.release();
    play(3, speech);
    expect(opened).toHaveLength(2);
    session(1).listener.failed({ kind: 'backoff', code: 'x', message: '', hint: '' });
    expect(sessions.failure).toBeNull();
    play(11, speech);
    expect(opened).toHaveLength(3);
    session(2).say('word');
    expect(captions.map(({ text }) => text)).toEqual(['word']);
  });

  test('and fails while the second one is asked, is replaced by it at once', () => {
    play(6, speech);
    present().listener.failed({ kind: 'backoff', code: 'x', message: '', hint: '' });
    expect(opened).toHaveLength(2);
    expect(sessions.isOpenable).toBe(true);
    expect(sessions.failure).toBeNull();
    play(1, speech);
    session(1).say('word');
    expect(captions.map(({ text }) => text)).toEqual(['word']);
  });

  test('is not called done when it ends well', () => {
    play(5, speech);
    sessions.finish();
    expect(done.flat()).toEqual([]);
    expect(opened.every(({ over }) => over)).toBe(true);
    expect(quota.open).toBe(0);
  });

  test('again and again, costs no more than a session in half a minute', () => {
    play(600, speech, () => {
      // Each says one word when it is asked, and never again.
      const newest = opened.at(-1);
      if (newest && newest !== present() && newest.samples === frameSamples * 10) newest.say('word');
    });
    expect(opened.length).toBeLessThanOrEqual(2 + 600 / 30);
    expect(opened.length).toBeGreaterThan(600 / 40);
  });
});

describe('sound without words', () => {
  test('costs one second session, open for what is billed anyway, and is told to organizers', () => {
    talk(3);
    play(240, speech);
    expect(opened).toHaveLength(2);
    expect(session(1).over).toBe(true);
    expect(session(1).samples / sampleRate).toBeGreaterThan(14);
    expect(session(1).samples / sampleRate).toBeLessThan(17);
    expect(sessions.counters.failures).toBe(0);
    expect(sessions.notice?.code).toBe('engine-no-words');
    expect(sessions.notice?.hint).toMatch(/\w/);
    expect(quota.open).toBe(1);
  });

  test('is followed by words at once, by the same session', () => {
    talk(3);
    play(60, speech);
    present().say('thanks');
    expect(captions.map(({ text }) => text)).toEqual(['thanks']);
    expect(sessions.notice).toBeNull();
    expect(present().over).toBe(false);
  });

  test('that ends while the second session is asked drops it, and neither word is said twice', () => {
    play(7, speech);
    const second = session(1);
    present().say('thanks');
    second.say('thanks');
    expect(second.over).toBe(true);
    expect(captions.map(({ text }) => text)).toEqual(['thanks']);
    expect(sessions.counters.failures).toBe(0);
  });

  test('is doubted again after five minutes of it: who was mute till then has lost nothing', () => {
    talk(3);
    present().say('last');
    play(
      330,
      (i) => (i % 10 < 6 ? speech : hush),
      () => {
        for (const attempt of sessions.all()) for (const ranges of attempt.settle().values()) done.push(ranges);
      },
    );
    expect(opened).toHaveLength(3);
    expect(done.flat().every(([, to]) => to <= 3 * sampleRate)).toBe(true);
    session(2).say('word');
    expect(present().over).toBe(true);
    expect(captions.map(({ text }) => text)).toEqual(['last', 'word']);
  });

  test('that comes every half minute makes it patient, and a calm hour impatient again', () => {
    for (let i = 0; i < 40; i++) {
      talk(20);
      play(8, speech);
    }
    expect(sessions.counters.secondOpinions).toBeLessThanOrEqual(2);
    talk(900);
    play(6, speech);
    expect(sessions.counters.secondOpinions).toBeLessThanOrEqual(3);
    expect(session(opened.length - 1).over).toBe(false);
  });

  test('and then silence keep no second session for longer than a minute', () => {
    play(6, speech);
    play(58, hush);
    expect(session(1).over).toBe(false);
    play(3, hush);
    expect(session(1).over).toBe(true);
    expect(opened).toHaveLength(2);
  });

  test('is done when the session ends, once a second one found none either', () => {
    play(30, speech);
    sessions.finish();
    expect(done.flat()).toEqual([[0, 30 * sampleRate]]);
  });

  test('is done, too, when the next session takes over in the midst of it', () => {
    play(30, speech);
    sessions.replace('a', position, position + 8000);
    sessions.open({ ...assignment, id: 2, language: 'it-IT' });
    play(1, speech);
    expect(session(0).over).toBe(true);
    expect(done.flat()).toEqual([[0, 30 * sampleRate]]);
  });

  test('is dropped with the session when another language takes its place', () => {
    play(6, speech);
    sessions.replace('a', position, position + 8000);
    expect(session(1).over).toBe(true);
    sessions.open({ ...assignment, id: 2, language: 'it-IT' });
    expect(quota.open).toBe(2);
  });
});

describe('what may be speech', () => {
  test('is not a room’s hum, however long', () => {
    play(600, frame(-47));
    play(600, frame(-40));
    expect(opened).toHaveLength(1);
  });

  test('is a quiet speaker, between pauses', () => {
    play(20, (i) => (i % 10 < 6 ? frame(-44) : hush));
    expect(opened).toHaveLength(2);
  });
});
