import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Backfill, backfillLimits } from '../relay/backfill.ts';
import { DailyBudget } from '../relay/budget.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import type { Engine } from '../relay/engines/engine.ts';
import { Governing } from '../relay/governing.ts';
import { frameSamples, type RangeSet, sampleRate } from '../relay/protocol.js';
import { EngineQuota } from '../relay/quota.ts';
import { RoomTime } from '../relay/room-time.ts';
import { Rooms } from '../relay/rooms.ts';
import { SaidWords } from '../relay/said.ts';
import { Spool } from '../relay/spool.ts';
import type { SpoolStream } from '../relay/spool-stream.ts';
import { CatchingUp, type RoomCircumstances, statusOf } from '../relay/status.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

describe('the state of a room', () => {
  const well: RoomCircumstances = {
    ...{ paused: false, connected: true, everHeard: true, audioAgeMs: 100, health: null, failure: null },
    ...{ lagMs: 200, catchingUp: false, resting: false },
  };
  const failure = (kind: 'capacity' | 'credentials' | 'backoff') => ({ kind, code: 'x', message: 'x', hint: 'x' });

  test.each<[string, Partial<RoomCircumstances>]>([
    ['listening', {}],
    ['catching-up', { catchingUp: true }],
    ['catching-up', { catchingUp: true, resting: true }],
    ['delayed', { catchingUp: true, lagMs: 5001 }],
    ['delayed', { catchingUp: true, failure: failure('backoff') }],
    ['capacity', { catchingUp: true, failure: failure('capacity') }],
    ['no-audio', { catchingUp: true, audioAgeMs: 3001 }],
    ['offline', { catchingUp: true, connected: false }],
    ['paused', { paused: true, catchingUp: true }],
    ['paused', { paused: true, connected: false, everHeard: false, audioAgeMs: null }],
    ['paused', { paused: true, failure: failure('credentials') }],
  ])('is %s with %j', (state, circumstances) => {
    expect(statusOf({ ...well, ...circumstances })).toMatchObject({ state, message: expect.stringMatching(/\w{4}/) });
  });

  /** What is seen with these lags, one a second. */
  const seen = (lags: readonly number[], isFilling: (second: number) => boolean = () => false) => {
    let nowMs = 0;
    const catchingUp = new CatchingUp(() => nowMs);
    return lags.map((lagMs, second) => {
      nowMs = second * 1000;
      return catchingUp.see(lagMs, isFilling(second)) ? 1 : 0;
    });
  };

  test('is catching up above 2 s of lag, until it is below 1 s', () => {
    expect(seen([0, 1900, 2001, 1900, 1200, 1100, 1001, 999, 500, 500, 1900])).toEqual([
      0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0,
    ]);
  });

  test('does not come and go with a lag about the limit, nor between one missed stretch and the next', () => {
    const swinging = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 1950 : 2050));
    const changes = (states: readonly number[]) => states.filter((each, i) => i > 0 && each !== states[i - 1]).length;
    expect(changes(seen(swinging))).toBe(1);
    const stretches = seen(
      Array.from({ length: 60 }, () => 100),
      (second) => second < 40 && second % 4 < 2,
    );
    expect(changes(stretches)).toBe(1);
    expect(stretches.at(-1)).toBe(0);
  });
});

describe('a missed stretch', () => {
  const at = (seconds: number) => seconds * sampleRate;
  let folder: ReturnType<typeof temporaryFolder>;
  let db: Database;
  let rooms: Rooms;
  let spool: Spool;
  let stream: SpoolStream;
  let backfill: Backfill;
  /** Seconds of audio in each session that was opened. */
  let heard: number[];
  let claimed: RangeSet;

  const engine: Engine = {
    name: 'fake',
    paid: true,
    promptPartials: false,
    check: () => null,
    open: (_, listener) => {
      const session = heard.push(0) - 1;
      queueMicrotask(() => listener.ready());
      return {
        write: (audio) => {
          heard[session] = (heard[session] ?? 0) + audio.length / 2 / sampleRate;
        },
        end: () => listener.ended(),
        abort: () => {},
      };
    },
  };

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'],
      now: Date.UTC(2026, 0, 5, 20),
    });
    folder = temporaryFolder();
    db = openDatabase(folder.path);
    rooms = new Rooms(db, { language: 'en-US', engine: 'fake' });
    rooms.put('hall', {});
    spool = new Spool(db, folder.path, createLog('silent')('test'));
    spool.start();
    const opened = spool.open(randomUUID(), 'hall', 'kit', 1);
    if (!opened) throw new Error('no stream');
    stream = opened;
    vi.spyOn(stream, 'read').mockImplementation(async (from, to) => Buffer.alloc((to - from) * 2, 0x20));
    heard = [];
    claimed = [];
  });
  afterEach(async () => {
    backfill.stop();
    vi.useRealTimers();
    await spool.stop();
    db.close();
    folder.remove();
  });

  /** So many seconds of audio, the newest of now. */
  function write(seconds: number): void {
    const time = new RoomTime(db);
    time.start();
    const bootId = randomUUID();
    const zeroMs = Date.now() - seconds * 1000;
    for (const position of [0, at(seconds)]) {
      const ms = zeroMs + position / 16;
      time.anchor(stream.id, { position, bootId, monotonicMs: ms, wallMs: ms, wallSynced: true }, ms);
    }
    for (let position = 0; position < at(seconds); position += frameSamples)
      spool.write(stream, position, Buffer.alloc(frameSamples * 2, 0x20));
    backfill = new Backfill({
      ...{ spool, governing: new Governing(db, rooms, time), log: createLog('silent')('test') },
      quota: new EngineQuota({ maxSessions: 10, reserve: 1 }),
      budget: new DailyBudget(db, 'backfill', budgetSeconds),
      limits: { ...backfillLimits, overlapMs: 0 },
    });
    backfill.add({
      name: 'hall',
      claims: () => new Map([[stream.id, claimed]]),
      engineFor: () => engine,
      said: new SaidWords((_, position) => position / 16),
      backfilled: (_, done) => {
        for (const ranges of done.values()) spool.settle(stream, ranges);
      },
    });
    backfill.start();
  }
  let budgetSeconds = 3600;
  const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

  test('is being filled in while its session is open', async () => {
    write(20);
    expect(backfill.isFilling('hall')).toBe(false);
    await pass(2);
    expect(backfill.isFilling('hall')).toBe(true);
    expect(backfill.isFilling('other')).toBe(false);
    await pass(60);
    expect(heard.length).toBeGreaterThan(0);
    expect(backfill.isFilling('hall')).toBe(false);
  });

  test('that waits for the budget of tomorrow is not being filled in', async () => {
    budgetSeconds = 0;
    write(20);
    for (let i = 0; i < 20; i++) {
      await pass(1);
      expect(backfill.isFilling('hall')).toBe(false);
    }
    expect(backfill.pendingMs('hall')).toBeGreaterThan(0);
    budgetSeconds = 3600;
  });

  test('with a pause in it is captioned before and after the pause; the pause is done, and waits for nothing', async () => {
    const nowMs = Date.now();
    vi.setSystemTime(nowMs + 10_000);
    rooms.pause('hall', true);
    vi.setSystemTime(nowMs + 22_000);
    rooms.pause('hall', false);
    vi.setSystemTime(nowMs + 30_000);
    write(30);
    expect(backfill.pendingMs('hall')).toBeCloseTo(18_000, -2);
    await pass(1.5);
    const isDone = (second: number) => stream.captioned.some(([from, to]) => from <= at(second) && at(second) < to);
    expect([9, 11, 21, 23].map(isDone)).toEqual([false, true, true, false]);
    await pass(120);
    expect(heard.map((seconds) => Math.round(seconds)).sort((a, b) => a - b)).toEqual([8, 10]);
    expect(backfill.pendingMs('hall')).toBe(0);
  });

  test('that live captions will pass by themselves is left to them', async () => {
    rooms.pause('hall', true);
    vi.setSystemTime(Date.now() + 20_000);
    write(20);
    claimed = [[at(5), at(1000)]];
    await pass(1.5);
    expect(stream.captioned.at(-1)?.[1]).toBeLessThanOrEqual(at(5));
  });
});
