import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../relay/database.ts';
import { Governing } from '../relay/governing.ts';
import { RoomTime } from '../relay/room-time.ts';
import { Rooms } from '../relay/rooms.ts';
import { Spool } from '../relay/spool.ts';
import type { SpoolStream } from '../relay/spool-stream.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

const startMs = 1_000_000;
const at = (seconds: number) => seconds * 16_000;
const forever = Number.MAX_SAFE_INTEGER;

let folder: ReturnType<typeof temporaryFolder>;
let db: Database;
let nowMs: number;
let rooms: Rooms;
let spool: Spool;
let time: RoomTime;
let governing: Governing;

const begin = () => {
  db = openDatabase(folder.path);
  rooms = new Rooms(db, { language: 'en-US', engine: 'script:x' }, () => nowMs);
  spool = new Spool(db, folder.path, createLog('silent')('test'));
  spool.start();
  time = new RoomTime(db);
  time.start();
  governing = new Governing(db, rooms, time);
};
const end = async () => {
  await spool.stop();
  db.close();
};

beforeEach(() => {
  folder = temporaryFolder();
  nowMs = startMs;
  begin();
  rooms.put('hall', { language: 'en-US' });
});
afterEach(async () => {
  await end();
  folder.remove();
});

/** A stream of a kit that was connected all the time: position 0 at `beganMs` of room time. */
function streamFrom(beganMs: number, seconds: number): SpoolStream {
  const stream = spool.open(randomUUID(), 'hall', 'kit', 1);
  if (!stream) throw new Error('no stream');
  const bootId = randomUUID();
  const anchor = (position: number) => {
    const ms = beganMs + position / 16;
    time.anchor(stream.id, { position, bootId, monotonicMs: ms, wallMs: ms, wallSynced: true }, ms);
  };
  anchor(0);
  anchor(at(seconds));
  spool.write(stream, 0, new Uint8Array(3200));
  stream.edge = at(seconds);
  return stream;
}
const pauseAt = (seconds: number, paused: boolean) => {
  nowMs = startMs + seconds * 1000;
  return rooms.pause('hall', paused);
};
/** In seconds of the stream, to the millisecond. */
const pausesOf = (stream: SpoolStream) =>
  governing.paused(stream).map(([from, to]) => [from / at(1), to === forever ? null : to / at(1)]);
const about = (seconds: number) => expect.closeTo(seconds, 2);
/** A disk that takes nothing, as SQLite itself tells it. */
const fill = () => {
  db.pragma('query_only = ON');
  expect(() => db.prepare(`INSERT INTO meta (key, value) VALUES ('a', 'b')`).run()).toThrow(/readonly/);
};
const makeRoom = () => db.pragma('query_only = OFF');

describe('a pause governs what was spoken in it', () => {
  test('in every kit by its own room time, also in one that is heard of later', () => {
    const first = streamFrom(startMs, 60);
    pauseAt(10, true);
    expect(pausesOf(first)).toEqual([[about(10), null]]);
    pauseAt(20, false);
    expect(pausesOf(first)).toEqual([[about(10), about(20)]]);
    const late = streamFrom(startMs + 5000, 60);
    const within = streamFrom(startMs + 12_000, 60);
    const after = streamFrom(startMs + 30_000, 60);
    expect(pausesOf(late)).toEqual([[about(5), about(15)]]);
    expect(pausesOf(within)).toEqual([[0, about(8)]]);
    expect(pausesOf(after)).toEqual([]);
  });

  test('across the end of a stream', () => {
    const first = streamFrom(startMs, 15);
    spool.end(first, at(15));
    pauseAt(10, true);
    const second = streamFrom(startMs + 16_000, 60);
    pauseAt(20, false);
    expect(pausesOf(first)).toEqual([[about(10), null]]);
    expect(pausesOf(second)).toEqual([[0, about(4)]]);
  });

  test('exactly: it is not moved to where it is quiet, and no language is moved across it', () => {
    const stream = streamFrom(startMs, 60);
    nowMs = startMs + 9900;
    rooms.put('hall', { language: 'it-IT' });
    pauseAt(10, true);
    const language = governing.unsettled(stream, 0);
    expect(language?.assignment.language).toBe('it-IT');
    if (language) governing.settle(stream, language, at(10.2));
    expect(pausesOf(stream)).toEqual([[about(10), null]]);
    expect(governing.at(stream, at(9.95))?.assignment).toMatchObject({ language: 'it-IT', paused: false });
    expect(governing.unsettled(stream, 0)).toBeNull();
  });

  test('each of two within a second', () => {
    const stream = streamFrom(startMs, 60);
    for (const [seconds, paused] of [
      [10, true],
      [10.3, false],
      [10.6, true],
      [10.9, false],
    ] as const)
      pauseAt(seconds, paused);
    expect(pausesOf(stream)).toEqual([
      [about(10), about(10.3)],
      [about(10.6), about(10.9)],
    ]);
  });

  test.each(['pause first', 'language first'])('with a change of language in the same moment (%s)', (order) => {
    const stream = streamFrom(startMs, 60);
    nowMs = startMs + 10_000;
    if (order === 'pause first') rooms.pause('hall', true);
    rooms.put('hall', { language: 'it-IT' });
    if (order === 'language first') rooms.pause('hall', true);
    pauseAt(20, false);
    expect(pausesOf(stream)).toEqual([[about(10), about(20)]]);
    expect(governing.at(stream, at(21))?.assignment).toMatchObject({ language: 'it-IT', paused: false });
    expect(governing.at(stream, at(9))?.assignment).toMatchObject({ language: 'en-US', paused: false });
  });

  test('also when the clock is set back in it', () => {
    pauseAt(10, true);
    pauseAt(-3000, false);
    expect(rooms.get('hall')?.paused).toBe(false);
    pauseAt(-2000, true);
    nowMs = startMs - 1_000_000;
    rooms.put('hall', { language: 'it-IT' });
    expect(rooms.get('hall')?.paused).toBe(true);
    expect(rooms.assignments('hall').at(-1)).toMatchObject({ language: 'it-IT', paused: true });
  });

  test('after a restart of the relay, and the room is still paused', async () => {
    const { id } = streamFrom(startMs, 60);
    pauseAt(10, true);
    const stream = spool.get(id);
    expect(stream && pausesOf(stream)).toEqual([[about(10), null]]);
    await end();
    begin();
    expect(rooms.get('hall')?.paused).toBe(true);
    const again = spool.get(id);
    expect(again && pausesOf(again)).toEqual([[about(10), null]]);
  });
});

describe('while the disk takes nothing', () => {
  test('a pause holds, and is saved once there is space', async () => {
    const { id } = streamFrom(startMs, 60);
    await spool.stop(); // what it holds is on disk
    fill();
    expect(pauseAt(10, true)).toMatchObject({ paused: true });
    expect(pauseAt(20, false)).toMatchObject({ paused: false });
    expect(pauseAt(30, true)).toMatchObject({ paused: true });
    expect(rooms.get('hall')?.paused).toBe(true);
    expect(rooms.savePauses()).toBe(false);
    makeRoom();
    expect(rooms.savePauses()).toBe(true);
    await end();
    begin();
    expect(rooms.get('hall')?.paused).toBe(true);
    const again = spool.get(id);
    expect(again && pausesOf(again)).toEqual([
      [about(10), about(20)],
      [about(30), null],
    ]);
  });

  test('a place that could not be noted is found again, though a later one was', async () => {
    const stream = streamFrom(startMs, 60);
    await spool.stop();
    expect(pausesOf(stream)).toEqual([]);
    fill();
    pauseAt(10, true);
    expect(pausesOf(stream)).toEqual([[about(10), null]]);
    makeRoom();
    pauseAt(20, false);
    expect(pausesOf(stream)).toEqual([[about(10), about(20)]]);
    await end();
    begin();
    const again = spool.get(stream.id);
    expect(again && pausesOf(again)).toEqual([[about(10), about(20)]]);
  });

  test('a change of settings that fails leaves the pause as it is', () => {
    pauseAt(10, true);
    fill();
    expect(() => rooms.put('hall', { language: 'it-IT', title: 'x'.repeat(9000) })).toThrow();
    expect(rooms.get('hall')).toMatchObject({ paused: true, settings: { language: 'en-US' } });
    expect(rooms.assignments('hall').at(-1)).toMatchObject({ language: 'en-US', paused: true });
    expect(pauseAt(20, false)).toMatchObject({ paused: false, language: 'en-US' });
  });
});

test('a pause of a room that is deleted does not come back with another of its name', () => {
  fill();
  pauseAt(10, true);
  makeRoom();
  rooms.delete('hall');
  expect(rooms.savePauses()).toBe(true);
  rooms.put('hall', {});
  expect(rooms.get('hall')?.paused).toBe(false);
  expect(() => rooms.pause('nowhere', true)).toThrow(/no room/);
});
