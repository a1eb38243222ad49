import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CaptionLog } from '../relay/captions.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import { anchorLimits, RoomTime } from '../relay/room-time.ts';
import { Rooms } from '../relay/rooms.ts';
import { Spool } from '../relay/spool.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

const log = createLog('silent')('test');
const boot = randomUUID();
const nowMs = Date.UTC(2026, 5, 1, 9);
const unknown = { position: 0, ms: 0 };

let folder: ReturnType<typeof temporaryFolder>;
let db: Database;
let spool: Spool;
let time: RoomTime;

beforeEach(() => {
  folder = temporaryFolder();
  db = openDatabase(folder.path);
  new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', {});
  spool = new Spool(db, folder.path, log);
  time = new RoomTime(db, () => nowMs + 600_000);
});

afterEach(async () => {
  await spool.stop();
  db.close();
  folder.remove();
});

function stream(): string {
  const id = randomUUID();
  spool.open(id, 'hall', 'kit', 1);
  return id;
}

/** An anchor of a kit whose monotonic clock stood at 1,000,000 ms at `nowMs`, told with `delayMs` of delay. */
function anchor(
  id: string,
  second: number,
  { delayMs = 0, live = true, bootId = boot, wallMs = 0, wallSynced = false } = {},
): void {
  const monotonicMs = 1_000_000 + second * 1000;
  time.anchor(
    id,
    { position: second * 16_000, bootId, monotonicMs, wallMs, wallSynced },
    live ? nowMs + second * 1000 + delayMs : null,
  );
}

describe('room time', () => {
  test('is the relay’s clock at the moment a position was spoken, whatever the kit’s wall clock says', () => {
    const id = stream();
    anchor(id, 0, { wallMs: 0 });
    anchor(id, 10, { wallMs: 56 * 365 * 86_400_000, wallSynced: true });
    expect(time.at(id, 5 * 16_000, unknown)).toEqual({ ms: nowMs + 5000, uncertain: false });
  });

  test('rests on the least delayed anchor of each minute', () => {
    const id = stream();
    for (let second = 0; second <= 60; second += 10) anchor(id, second, { delayMs: second === 30 ? 20 : 800 });
    expect(Math.abs(time.at(id, 30 * 16_000, unknown).ms - (nowMs + 30_000))).toBeLessThan(100);
  });

  test('is not thrown off by a kit that was slow to answer at first', () => {
    const id = stream();
    const way = { leastRttMs: 2000 }; // it was busy starting
    const told = { position: 0, bootId: boot, monotonicMs: 1_000_000, wallMs: 0, wallSynced: false };
    time.anchor(id, told, nowMs + 5, way);
    expect(time.at(id, 0, unknown).ms).toBe(nowMs - 45);
    way.leastRttMs = 10;
    expect(time.at(id, 0, unknown).ms).toBe(nowMs);
  });

  test('keeps the order of what was said when a better stamp comes', () => {
    const id = stream();
    anchor(id, 0, { delayMs: 400 });
    const said = [1, 2, 3].map((second) => {
      time.commit(id, second * 16_000);
      return time.at(id, second * 16_000, unknown).ms;
    });
    anchor(id, 10);
    expect(said).toEqual([nowMs + 1400, nowMs + 2400, nowMs + 3400]);
    for (let tenth = 0; tenth < 400; tenth++) {
      const at = (position: number) => time.at(id, position, unknown).ms;
      expect(at((tenth + 1) * 1600) - at(tenth * 1600)).toBeGreaterThan(95);
    }
    expect(time.at(id, 2 * 16_000, unknown).ms).toBe(nowMs + 2400);
    // Little by little it comes to what is known now.
    for (let second = 4; second <= 40; second++) time.commit(id, second * 16_000);
    expect(Math.abs(time.at(id, 40 * 16_000, unknown).ms - (nowMs + 40_000))).toBeLessThan(1);
    const again = new RoomTime(db);
    again.start();
    expect(Math.abs(again.at(id, 2 * 16_000, unknown).ms - (nowMs + 2400))).toBeLessThan(50);
  });

  test('absorbs the drift of a sound card', () => {
    const id = stream();
    // 100 ppm fast: after an hour the card has delivered 5,760 samples more than the clock says.
    for (let second = 0; second <= 3600; second += 60)
      time.anchor(
        id,
        {
          position: Math.round(second * 16_001.6),
          bootId: boot,
          monotonicMs: 1_000_000 + second * 1000,
          wallMs: 0,
          wallSynced: false,
        },
        nowMs + second * 1000,
      );
    expect(Math.abs(time.at(id, 3600 * 16_001.6, unknown).ms - (nowMs + 3_600_000))).toBeLessThan(5);
  });

  test('absorbs it in what came late, too: captions of the live edge went before', () => {
    const id = stream();
    const live = 14_400; // four hours of backlog, of a card that is 100 ppm slow
    for (let second = 0; second <= live; second += 60)
      time.anchor(
        id,
        {
          ...{ position: Math.round(second * 16_000 * 0.9999), bootId: boot, monotonicMs: 1_000_000 + second * 1000 },
          ...{ wallMs: 0, wallSynced: false },
        },
        second === live ? nowMs : null,
      );
    const edge = live * 16_000 * 0.9999;
    const timesOf = (of: RoomTime) => [0, 1, 2, 3].map((hour) => of.at(id, (hour * edge) / 4, unknown).ms);
    const before = timesOf(time);
    expect(Math.abs((before[0] ?? 0) - (nowMs - live * 1000))).toBeLessThan(2);
    time.commit(id, edge);
    const isAsBefore = (ms: number, i: number) => Math.abs(ms - (before[i] ?? 0)) < 2;
    expect(timesOf(time).every(isAsBefore)).toBe(true);
    time.commit(id, edge / 2); // the first caption that was filled in
    anchor(id, live, { delayMs: -nowMs }); // whatever comes to be known later
    expect(time.at(id, edge / 2, unknown).ms).toBeCloseTo(before[2] ?? 0, 0);
    expect(
      timesOf(time)
        .slice(2)
        .every((ms, i) => isAsBefore(ms, i + 2)),
    ).toBe(true);
    const restarted = new RoomTime(db, () => nowMs);
    restarted.start();
    expect(restarted.at(id, edge / 2, unknown).ms).toBeCloseTo(before[2] ?? 0, 0);
  });

  test('goes on from the last caption after a restart, whatever was learned since', () => {
    const id = stream();
    anchor(id, 0, { delayMs: 400 });
    time.commit(id, 16_000);
    const to = 9 * 16_000; // too soon for another knot on the disk
    const end = Math.round(time.at(id, to, unknown).ms);
    const told = { text: 'so far', language: 'en-US', speaker: null, late: false, stream: id, start: end - 500, end };
    new CaptionLog(db, 'hall', 'log').append({ ...told, from: to - 8000, to });
    time.commit(id, to);
    anchor(id, 9);
    const restarted = new RoomTime(db, () => nowMs);
    restarted.start();
    for (const each of [time, restarted]) {
      expect(Math.abs(each.at(id, to, unknown).ms - end)).toBeLessThan(1);
      expect(each.at(id, to + 1600, unknown).ms).toBeGreaterThan(end);
    }
  });

  test('places a stream that never connected by another one of the same boot', () => {
    const before = stream();
    anchor(before, 0, { live: false });
    anchor(before, 20, { live: false });
    const connected = stream();
    anchor(connected, 100);
    expect(time.at(before, 16_000, unknown)).toEqual({ ms: nowMs + 1000, uncertain: false });
  });

  test('places a stream of an unknown boot by the kit’s wall clock if it was synced and not ahead, else before its next sign, uncertain', () => {
    const synced = stream();
    anchor(synced, 0, { live: false, bootId: randomUUID(), wallMs: nowMs - 3_600_000, wallSynced: true });
    expect(time.at(synced, 16_000, unknown)).toEqual({ ms: nowMs - 3_600_000 + 1000, uncertain: false });
    const ahead = stream();
    anchor(ahead, 0, { live: false, bootId: randomUUID(), wallMs: nowMs + 30 * 365 * 86_400_000, wallSynced: true });
    expect(time.at(ahead, 0, { position: 160_000, ms: nowMs }).uncertain).toBe(true);
    const lost = stream();
    anchor(lost, 0, { live: false, bootId: randomUUID() });
    const edge = { position: 160_000, ms: nowMs };
    expect(time.at(lost, 0, edge)).toEqual({ ms: nowMs - 10_000, uncertain: true });
  });

  test('fixes an uncertain placement once it was published, also over a restart', () => {
    const id = stream();
    time.fix(id, nowMs, true);
    const again = new RoomTime(db);
    again.start();
    for (const each of [time, again])
      expect(each.at(id, 16_000, { position: 0, ms: 1 })).toEqual({ ms: nowMs + 1000, uncertain: true });
  });

  test('is the same after a restart', () => {
    const id = stream();
    for (let second = 0; second <= 300; second += 10) anchor(id, second, { delayMs: (second * 7) % 50 });
    const again = new RoomTime(db);
    again.start();
    for (const position of [0, 1_000_000, 4_000_000])
      expect(Math.abs(again.at(id, position, unknown).ms - time.at(id, position, unknown).ms)).toBeLessThan(1);
  });

  test('finds the position of a time', () => {
    const id = stream();
    for (let second = 0; second <= 300; second += 10) anchor(id, second);
    expect(time.positionAt(id, nowMs + 123_456, unknown)).toBe(Math.round(123.456 * 16_000));
  });
});

describe('clock readings without end', () => {
  const far = (stream: string, minute: number, room: string, bootId = boot) => {
    const at = { position: minute * 60 * 16_000, bootId, monotonicMs: 1_000_000 + minute * 60_000, wallMs: 0 };
    time.anchor(stream, { ...at, wallSynced: false }, nowMs + minute * 60_000, null, room);
  };

  test('leave the newest of a stream, and are counted', () => {
    const id = stream();
    for (let minute = 0; minute < anchorLimits.perStream + 100; minute++) far(id, minute, 'hall');
    expect(time.droppedAnchors).toBe(100);
    const newest = (anchorLimits.perStream + 99) * 60_000;
    expect(time.at(id, newest * 16, unknown)).toEqual({ ms: nowMs + newest, uncertain: false });
  });

  test('of one stream cannot take from a room’s others what these need', () => {
    const greedy = Array.from({ length: 14 }, () => stream());
    for (const id of greedy) for (let minute = 0; minute < 4000; minute++) far(id, minute, 'hall');
    const honest = stream();
    const kit = randomUUID();
    for (let minute = 0; minute < 20; minute++) far(honest, minute, 'hall', kit);
    expect(time.at(honest, 19 * 60 * 16_000, unknown)).toEqual({ ms: nowMs + 19 * 60_000, uncertain: false });
    expect(time.droppedAnchors).toBeGreaterThan(0);
    const others = stream();
    const dropped = time.droppedAnchors;
    for (let minute = 0; minute < 100; minute++) far(others, minute, 'attic');
    expect(time.droppedAnchors).toBe(dropped);
  });
});
