import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Backfill, type BackfillLimits, backfillLimits } from '../relay/backfill.ts';
import { DailyBudget } from '../relay/budget.ts';
import { Costs } from '../relay/costs.ts';
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
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

const log = createLog('silent')('test');
const dayMs = 86_400_000;
let folder: ReturnType<typeof temporaryFolder>;
let db: Database;
let spool: Spool;
let stream: SpoolStream;
let backfill: Backfill | undefined;
/** Seconds of audio in each session that was opened. */
let heard: number[];
/** What the live feed takes care of. */
let claimed: RangeSet;
/** Sessions that hear and say nothing, by their index. */
let mute: number[];
/** After this a session says that it is ready. */
let readyAfterMs: number;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'],
    now: Date.UTC(2026, 0, 5, 20),
  });
  folder = temporaryFolder();
  db = openDatabase(folder.path);
  new Rooms(db, { language: 'en-US', engine: 'fake' }).put('hall', {});
  spool = new Spool(db, folder.path, log);
  spool.start();
  const opened = spool.open(randomUUID(), 'hall', 'kit', 1);
  if (!opened) throw new Error('no stream');
  stream = opened;
  // The disk does not know of virtual time.
  vi.spyOn(stream, 'read').mockImplementation(async (from, to) => Buffer.alloc((to - from) * 2, 0x20));
  heard = [];
  claimed = [];
  mute = [];
  readyAfterMs = 0;
});

afterEach(async () => {
  backfill?.stop();
  backfill = undefined;
  vi.useRealTimers();
  await spool.stop();
  db.close();
  folder.remove();
});

/** A paid engine that says one word for every second it heard, when it is told that no more comes. */
const engine: Engine = {
  name: 'fake',
  paid: true,
  promptPartials: true,
  check: () => null,
  open: ({ recognition }, listener) => {
    if (recognition?.vocabularies.includes('missing')) {
      queueMicrotask(() => listener.failed({ kind: 'configuration', code: 'x', message: '', hint: '' }));
      return { write: () => {}, end: () => {}, abort: () => {} };
    }
    const session = heard.push(0) - 1;
    let samples = 0;
    setTimeout(() => listener.ready(), readyAfterMs);
    return {
      write: (audio) => {
        samples += audio.length / 2;
        heard[session] = samples / sampleRate;
      },
      end: () => {
        for (let start = 0; start < samples && !mute.includes(session); start += sampleRate) {
          const span = { text: `w${start}`, start, end: Math.min(start + frameSamples, samples) };
          const word = { ...span, kind: 'word' as const, confidence: null, speaker: null, stable: true };
          listener.final({ id: `${session}-${start}`, ...span, words: [word], language: 'en-US' });
        }
        listener.ended();
      },
      abort: () => {},
    };
  },
};

function start(
  options: { rooms?: Rooms; quota?: EngineQuota; maxSeconds?: number; limits?: Partial<BackfillLimits> } = {},
): Backfill {
  const rooms = options.rooms ?? new Rooms(db, { language: 'en-US', engine: 'fake' });
  const made = new Backfill({
    spool,
    governing: new Governing(db, rooms, new RoomTime(db)),
    quota: options.quota ?? new EngineQuota({ maxSessions: 10, reserve: 1 }),
    budget: new DailyBudget(db, 'backfill', options.maxSeconds ?? 3600),
    log,
    limits: { ...backfillLimits, overlapMs: 0, ...options.limits },
  });
  made.add({
    name: 'hall',
    claims: () => new Map([[stream.id, claimed]]),
    engineFor: () => engine,
    said: new SaidWords((_, position) => position / 16),
    backfilled: (_, done) => {
      for (const ranges of done.values()) spool.settle(stream, ranges);
    },
  });
  made.start();
  backfill = made;
  return made;
}

const at = (seconds: number) => seconds * sampleRate;

/** Audio of these seconds, all of it loud. */
function write(from: number, to: number): void {
  for (let position = at(from); position < at(to); position += frameSamples)
    spool.write(stream, position, Buffer.alloc(frameSamples * 2, 0x20));
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

test('the shortest stretch goes first, one after the other, and progress falls to nothing', async () => {
  write(0, 40);
  claimed = [
    [at(6), at(10)],
    [at(12), at(20)],
    [at(24), at(40)],
  ];
  const made = start({ limits: { maxSessions: 1 } });
  expect(made.pendingMs('hall')).toBe(12_000);
  const progress: number[] = [];
  for (let i = 0; i < 40 && made.pendingMs('hall') > 0; i++) {
    await pass(1);
    progress.push(made.pendingMs('hall'));
  }
  expect(heard).toEqual([2, 4, 6]);
  expect([...new Set(progress)]).toEqual([...new Set(progress)].sort((a, b) => b - a));
  expect(progress.at(-1)).toBe(0);
});

test('progress rises with what live captions skip', async () => {
  write(0, 5);
  claimed = [[0, at(100)]];
  const made = start();
  expect(made.pendingMs('hall')).toBe(0);
  claimed = [[at(3), at(100)]];
  expect(made.pendingMs('hall')).toBe(3000);
  await pass(10);
  expect(made.pendingMs('hall')).toBe(0);
});

test('at the daily limit it stops, says so, and goes on the next day, also after a restart', async () => {
  write(0, 30);
  claimed = [
    [at(2), at(10)],
    [at(13), at(20)],
    [at(24), at(30)],
  ];
  // Each session counts as 15 s at the least.
  const made = start({ maxSeconds: 30, limits: { maxSessions: 1 } });
  await pass(300);
  expect(heard).toEqual([2, 3]);
  expect(made.standstill('hall')).toContain('daily limit');
  expect(made.pendingMs('hall')).toBe(4000);
  made.stop();
  const again = start({ maxSeconds: 30 });
  await pass(300);
  expect(heard).toEqual([2, 3]);
  vi.setSystemTime(Date.now() + dayMs);
  await pass(300);
  expect(heard).toEqual([2, 3, 4]);
  expect(again.pendingMs('hall')).toBe(0);
});

test('while rooms hold every session of the quota it waits; a session that a room holds is never taken', async () => {
  const quota = new EngineQuota({ maxSessions: 1, reserve: 0 });
  const live = quota.take('live', 'verdi');
  write(0, 2);
  const made = start({ quota });
  await pass(120);
  expect(heard).toEqual([]);
  expect(quota.open).toBe(1);
  expect(made.pendingMs('hall')).toBe(2000);
  live?.release();
  await pass(120);
  expect(heard).toEqual([2]);
  expect(quota.open).toBe(0);
});

test('the reserve is for it: rooms cannot take its place, nor it more than the quota has', async () => {
  const quota = new EngineQuota({ maxSessions: 2, reserve: 1 });
  expect(quota.take('live', 'verdi')).not.toBeNull();
  expect(quota.take('live', 'rossini')).toBeNull();
  write(0, 30);
  claimed = [[at(10), at(20)]];
  start({ quota });
  let most = 0;
  for (let i = 0; i < 120; i++) {
    await pass(1);
    most = Math.max(most, quota.open);
  }
  expect(most).toBe(2);
  expect(heard).toEqual([10, 10]);
  expect(quota.open).toBe(1);
});

test('a stretch that is still arriving is begun with its first ten seconds and captioned in one session', async () => {
  write(40, 41); // the live edge
  claimed = [[at(40), at(1000)]];
  const made = start();
  write(0, 9);
  await pass(20);
  expect(heard).toEqual([]);
  for (let second = 9; second < 40; second++) {
    write(second, second + 1);
    await pass(0.5);
  }
  await pass(60);
  expect(heard).toEqual([40]);
  expect(made.pendingMs('hall')).toBe(0);
});

test('a stretch that stops arriving is captioned as far as it came, and the rest when it is there', async () => {
  write(40, 41);
  claimed = [[at(40), at(1000)]];
  const made = start();
  write(0, 15);
  await pass(60);
  expect(heard).toEqual([15]);
  expect(made.pendingMs('hall')).toBe(0);
  write(15, 40);
  await pass(60);
  expect(heard).toEqual([15, 25]);
  expect(made.pendingMs('hall')).toBe(0);
});

test('the beginning of audio that came before what it follows is heard with that, not by itself', async () => {
  // Live captions have jumped to 12 s and left the rest of a word that may have begun before.
  claimed = [
    [0, at(4)],
    [at(12.3), at(1000)],
  ];
  write(0, 4);
  write(12, 20);
  const made = start();
  await pass(20);
  expect(heard).toEqual([]);
  write(4, 12);
  await pass(30);
  expect(heard).toEqual([8.3]);
  expect(made.pendingMs('hall')).toBe(0);
});

test('what lies behind such a beginning does not wait for it', async () => {
  claimed = [[at(45), at(1000)]];
  write(30, 45);
  const made = start();
  await pass(60);
  expect(made.pendingMs('hall')).toBe(300);
  write(0, 29);
  spool.declareHole(stream, { from: at(29), to: at(30), reason: 'bound' });
  await pass(60);
  expect(heard).toEqual([14.7, 0.3, 29]);
  expect(made.pendingMs('hall')).toBe(0);
});

test('a beginning too short to be heard by itself keeps nothing of an ended stream waiting', async () => {
  write(10, 10.2);
  write(20, 24);
  spool.end(stream, at(24));
  const made = start();
  await pass(60);
  expect(heard).toEqual([3.7]);
  expect(made.pendingMs('hall')).toBe(500);
});

test('where a session hears sound and says nothing, one more is asked, and its answer counts', async () => {
  write(0, 20);
  claimed = [[at(6), at(12)]];
  mute = [0, 2, 3];
  const made = start({ limits: { maxSessions: 1 } });
  await pass(60);
  expect(heard).toEqual([6, 6, 8, 8]);
  expect(made.pendingMs('hall')).toBe(0);
});

test('what it heard before it was ready counts, too', async () => {
  write(0, 6);
  mute = [0];
  readyAfterMs = 1500;
  start();
  await pass(60);
  expect(heard).toEqual([6, 6]);
});

test('an answer to a part of a stretch is none to its rest', async () => {
  write(40, 41);
  claimed = [[at(40), at(1000)]];
  write(0, 15);
  mute = [0, 2];
  const made = start();
  await pass(60);
  expect(heard).toEqual([15, 15]);
  write(15, 40);
  await pass(120);
  expect(heard).toEqual([15, 15, 25, 25]);
  expect(made.pendingMs('hall')).toBe(0);
});

test('what was spoken under settings that the engine refuses is filled in once they have been corrected', async () => {
  const rooms = new Rooms(db, { language: 'en-US', engine: 'fake' });
  rooms.put('hall', { recognition: { vocabularies: ['missing'] } });
  const made = start({ rooms });
  await pass(60);
  write(0, 30);
  await pass(60);
  expect(heard).toEqual([]);
  expect(made.pendingMs('hall')).toBe(30_000);
  rooms.put('hall', { recognition: { vocabularies: ['names'] } });
  await pass(60);
  expect(heard).toEqual([30]);
  expect(made.pendingMs('hall')).toBe(0);
});

test('nothing is filled in by paid sessions from the day’s limit of spending on; a stretch under way ends there', async () => {
  const limits = { pricePerMinute: 0.6, alarmPerDay: null, maxPerDay: 0.2, maxPerRoomAndDay: null };
  const quota = new EngineQuota({ maxSessions: 10, reserve: 1 }, new Costs(db, limits));
  write(0, 120);
  const made = start({ quota });
  await pass(600);
  expect(heard).toHaveLength(1);
  expect(heard[0]).toBeLessThan(40);
  const pendingMs = made.pendingMs('hall');
  expect(pendingMs).toBeGreaterThan(80_000);
  await pass(dayMs / 1000 / 4); // tomorrow
  expect(made.pendingMs('hall')).toBeLessThan(pendingMs);
});

test.each([
  ['money', { maxBackfillPerDay: 0.2 }, /spending on missed captions/],
  ['hours of the room', { maxBackfillHoursPerRoomAndDay: 20 / 3600 }, /This room .* missed captions/],
])(
  'beyond its own %s nothing more is filled in that day; the audio stays, the room says why, live goes on',
  async (_, own, words) => {
    const limits = { pricePerMinute: 0.6, alarmPerDay: null, maxPerDay: 100, maxPerRoomAndDay: null, ...own };
    const quota = new EngineQuota({ maxSessions: 10, reserve: 1 }, new Costs(db, limits));
    write(0, 120);
    const made = start({ quota });
    expect(made.standstill('hall')).toBe('');
    await pass(600);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toBeLessThan(40);
    expect(made.standstill('hall')).toMatch(words);
    expect(quota.overspent('hall', 'live')).toBeNull();
    const pendingMs = made.pendingMs('hall');
    expect(pendingMs).toBeGreaterThan(80_000);
    await pass(dayMs / 1000 / 4); // tomorrow
    expect(made.pendingMs('hall')).toBeLessThan(pendingMs);
  },
);

test('the room is asked once what the live feed has claimed, however many streams it has', async () => {
  const many = Array.from({ length: 50 }, () => spool.open(randomUUID(), 'hall', 'kit', 1));
  for (const each of many) if (each) spool.end(each, at(1));
  const made = start();
  const claims = vi.fn(() => new Map([[stream.id, claimed]]));
  const said = new SaidWords((_, position) => position / 16);
  made.add({ name: 'hall', claims, engineFor: () => engine, said, backfilled: () => {} });
  made.pendingMs('hall');
  expect(claims).toHaveBeenCalledTimes(1);
  await pass(1);
  expect(claims.mock.calls.length).toBeLessThan(10);
});
