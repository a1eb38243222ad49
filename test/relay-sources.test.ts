import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DailyBudget } from '../relay/budget.ts';
import { Charge, type Publisher } from '../relay/charge.ts';
import { RoomCoverage } from '../relay/coverage.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import { gapsOf } from '../relay/gaps.ts';
import type { RangeSet } from '../relay/protocol.js';
import { RoomTime } from '../relay/room-time.ts';
import { Rooms } from '../relay/rooms.ts';
import { Spool } from '../relay/spool.ts';
import type { SpoolStream } from '../relay/spool-stream.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

describe('one source in charge', () => {
  let nowMs = 0;
  let charge: Charge;
  const replaced: string[] = [];
  const takes = { takeover: true, hasAudio: true, hasSound: true };
  const asks = { takeover: false, hasAudio: true, hasSound: true };
  const source = (device: string): Publisher => ({
    device,
    standIn: device.startsWith('microphone-'),
    connectedAtMs: 0,
    heardAtMs: nowMs,
    soundAtMs: nowMs,
    replaced: (by) => replaced.push(`${device} by ${by}`),
  });

  beforeEach(() => {
    nowMs = 0;
    replaced.length = 0;
    charge = new Charge(() => nowMs);
  });

  test('is the newest one that takes over, and the older is told', () => {
    expect(charge.take(source('a'), takes)).toBe(true);
    expect(charge.take(source('b'), takes)).toBe(true);
    expect(charge.holder?.device).toBe('b');
    expect(replaced).toEqual(['a by b']);
  });

  test('is not pushed out by one that only asks, until ten seconds after it left', () => {
    const b = source('b');
    charge.take(b, takes);
    expect(charge.take(source('a'), asks)).toBe(false);
    charge.release(b);
    nowMs = 9999;
    expect(charge.take(source('a'), asks)).toBe(false);
    nowMs = 10_001;
    expect(charge.take(source('a'), asks)).toBe(true);
    expect(replaced).toEqual([]);
  });

  test('comes back at once after a cut, whether it asks or takes', () => {
    const first = source('a');
    charge.take(first, takes);
    charge.release(first);
    expect(charge.take(source('a'), asks)).toBe(true);
  });

  test('is the pinned one as soon as it is there; until then whoever is', () => {
    charge.take(source('a'), takes);
    charge.pin('b');
    expect(charge.holder?.device).toBe('a');
    expect(charge.take(source('c'), takes)).toBe(false);
    expect(charge.take(source('a'), asks)).toBe(true);
    expect(charge.take(source('b'), asks)).toBe(true);
    expect(replaced.at(-1)).toBe('a by b');
    nowMs = 60_000;
    expect(charge.take(source('a'), takes)).toBe(false);
    charge.pin(null);
    expect(charge.holder?.device).toBe('b');
    expect(charge.take(source('a'), takes)).toBe(true);
  });

  test('is another one where the pinned one has been gone for ten seconds', () => {
    const b = source('b');
    charge.pin('b');
    charge.take(b, takes);
    charge.release(b);
    expect(charge.take(source('a'), takes)).toBe(false);
    nowMs = 10_000;
    expect(charge.take(source('a'), takes)).toBe(true);
    expect(charge.take(source('b'), asks)).toBe(true);
  });

  test('is not pushed out by a kit without sound, and gives way to one with sound when it has had none for ten seconds', () => {
    charge.take(source('a'), takes);
    expect(charge.take(source('b'), { ...takes, hasAudio: false })).toBe(false);
    nowMs = 10_000;
    expect(charge.take(source('b'), { ...takes, hasAudio: false })).toBe(false);
    expect(charge.take(source('b'), asks)).toBe(true);
    expect(replaced).toEqual(['a by b']);
  });

  test('leaving late does not end who came after', () => {
    const a = source('a');
    charge.take(a, takes);
    charge.take(source('b'), takes);
    charge.release(a);
    expect(charge.holder?.device).toBe('b');
  });
});

describe('a stand-in microphone', () => {
  let nowMs = 0;
  let charge: Charge;
  const replaced: string[] = [];
  const asks = { takeover: false, hasAudio: true, hasSound: true };
  const takes = { ...asks, takeover: true };
  const silently = { ...asks, hasSound: false };
  interface Source extends Publisher {
    heardAtMs: number;
    soundAtMs: number;
  }
  const source = (device: string): Source => ({
    device,
    standIn: device.startsWith('microphone-'),
    connectedAtMs: nowMs,
    heardAtMs: nowMs,
    soundAtMs: nowMs,
    replaced: (by) => replaced.push(`${device} by ${by}`),
  });

  beforeEach(() => {
    nowMs = 0;
    replaced.length = 0;
    charge = new Charge(() => nowMs);
  });
  const phone = 'microphone-1';

  test('that asks does not push out a kit that has sound, also not ten seconds after the kit began to pause', () => {
    const kit = source('kit');
    charge.take(kit, takes);
    expect(charge.take(source(phone), asks)).toBe(false);
    nowMs = kit.heardAtMs = 25_000;
    expect(charge.take(source(phone), asks)).toBe(false);
    expect(replaced).toEqual([]);
  });

  test('that asks takes over from a kit that sends nothing for ten seconds, or nothing but silence for thirty', () => {
    const gone = source('kit');
    charge.take(gone, takes);
    nowMs = 10_000;
    expect(charge.take(source(phone), asks)).toBe(true);
    expect(charge.take(source('kit'), asks)).toBe(true);
    const silent = charge.holder;
    nowMs += 30_000;
    if (silent) Object.assign(silent, { heardAtMs: nowMs });
    expect(charge.take(source(phone), asks)).toBe(true);
    expect(replaced).toEqual(['kit by microphone-1', 'microphone-1 by kit', 'kit by microphone-1']);
  });

  test('gives way at once to a kit that has sound, whether the kit asks or takes, and not to one that has none', () => {
    charge.take(source(phone), asks);
    expect(charge.take(source('kit'), silently)).toBe(false);
    expect(charge.take(source('kit'), { ...silently, takeover: true })).toBe(false);
    expect(charge.take(source('kit'), { ...asks, hasAudio: false })).toBe(false);
    expect(charge.take(source('kit'), asks)).toBe(true);
    expect(replaced).toEqual(['microphone-1 by kit']);
  });

  test('that a person let take over from a kit with sound keeps the room from that kit until it leaves', () => {
    charge.take(source('kit'), takes);
    const byHand = source(phone);
    expect(charge.take(byHand, takes)).toBe(true);
    expect(charge.take(source('kit'), asks)).toBe(false);
    expect(charge.take(source('kit'), takes)).toBe(false);
    charge.release(byHand);
    const back = source(phone);
    expect(charge.take(back, asks)).toBe(true);
    expect(charge.take(source('kit'), asks)).toBe(false);
    charge.release(back, true);
    expect(charge.take(source('kit'), asks)).toBe(true);
    // What was decided then does not hold for the next time.
    nowMs = 10_000;
    expect(charge.take(source(phone), asks)).toBe(true);
    expect(charge.take(source('kit'), asks)).toBe(true);
  });

  test('that a person let take over from a kit without sound gives way once the kit has sound', () => {
    const kit = source('kit');
    charge.take(kit, takes);
    nowMs = kit.heardAtMs = 30_000;
    expect(charge.take(source(phone), takes)).toBe(true);
    expect(charge.take(source('kit'), asks)).toBe(true);
  });

  test('does not take the room from another one that is in charge, but by hand', () => {
    charge.take(source(phone), asks);
    expect(charge.take(source('microphone-2'), asks)).toBe(false);
    expect(charge.take(source('microphone-2'), takes)).toBe(true);
    expect(replaced).toEqual(['microphone-1 by microphone-2']);
  });

  test('that says goodbye frees the room at once; one that is cut off, for a kit with sound alone', () => {
    const first = source(phone);
    charge.take(first, asks);
    charge.release(first, true);
    const second = source('microphone-2');
    expect(charge.take(second, asks)).toBe(true);
    charge.release(second);
    expect(charge.take(source('microphone-3'), asks)).toBe(false);
    expect(charge.take(source('kit'), silently)).toBe(false);
    expect(charge.take(source('kit'), asks)).toBe(true);
  });

  test('goes before nobody where another source is pinned', () => {
    const kit = source('kit');
    charge.take(kit, takes);
    charge.pin('kit');
    nowMs = kit.heardAtMs = 40_000;
    expect(charge.take(source(phone), takes)).toBe(false);
    charge.release(kit);
    nowMs = 50_000;
    expect(charge.take(source(phone), asks)).toBe(true);
    expect(charge.take(source('kit'), silently)).toBe(true);
  });
});

describe('time that another kit covered', () => {
  const folder = temporaryFolder();
  let db: Database;
  let spool: Spool;
  let time: RoomTime;
  const nowMs = Date.UTC(2026, 5, 1, 9);

  beforeEach(() => {
    db = openDatabase(folder.path);
    new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', {});
    spool = new Spool(db, folder.path, createLog('silent')('test'));
    time = new RoomTime(db);
  });
  afterEach(async () => {
    await spool.stop();
    db.close();
    folder.remove();
  });

  /** A stream whose position 0 was spoken `startMs` after `nowMs`, by a kit of that boot. */
  function stream(bootId: string, startMs: number, connected = true): SpoolStream {
    const made = spool.open(randomUUID(), 'hall', bootId, 1);
    if (!made) throw new Error('no stream');
    const anchor = { position: 0, bootId, monotonicMs: 5_000_000, wallMs: nowMs + startMs, wallSynced: true };
    time.anchor(made.id, anchor, connected ? nowMs + startMs : null);
    return made;
  }
  const oneSecond = Buffer.alloc(32_000);
  const coverage = () => new RoomCoverage('hall', spool, time);

  test('is known by position, less what clocks may be apart', () => {
    const inCharge = stream(randomUUID(), 0);
    for (let second = 10; second < 20; second++) spool.write(inCharge, second * 16_000, oneSecond);
    const displaced = stream(randomUUID(), 4000);
    const { covered, seams } = coverage().of(displaced, [[0, 30 * 16_000]]);
    expect(covered).toEqual([[6.25 * 16_000, 15.75 * 16_000]]);
    expect(seams).toEqual([nowMs + 10_000, nowMs + 20_000]);
    expect(coverage().of(displaced, [[20 * 16_000, 30 * 16_000]])).toEqual({ covered: [], seams: [] });
  });

  test('is none where the other had a hole, where both are one kit, or where a time is a guess', () => {
    const boot = randomUUID();
    const inCharge = stream(boot, 0);
    spool.write(inCharge, 0, oneSecond);
    spool.declareHole(inCharge, { from: 16_000, to: 160_000, reason: 'source-lost' });
    const held: RangeSet = [[0, 160_000]];
    const none = { covered: [], seams: [] };
    expect(coverage().of(stream(randomUUID(), 2000), held)).toEqual(none);
    expect(coverage().of(stream(boot, 0), held)).toEqual(none);
    expect(coverage().of(stream(randomUUID(), 0, false), held)).toEqual(none);
  });

  test('is found out among thousands of streams at the same time without comparing all with all', () => {
    const long = Array.from({ length: 2500 }, () => stream(randomUUID(), 0));
    for (const other of long) other.received = [[0, 160_000]]; // as if written
    const told = Array.from({ length: 250 }, () => stream(randomUUID(), 1000));
    const reckoned = vi.spyOn(time, 'positionAt');
    const room = coverage();
    const found = told.map((each) => room.of(each, [[0, 16_000]]));
    expect(found[0]?.covered).toEqual([[0, 16_000]]);
    expect(reckoned.mock.calls.length).toBeLessThan(10_000); // of 1.25 million
  });
});

describe('the gaps of a room', () => {
  test('are what was declared, and the time between streams', async () => {
    const folder = temporaryFolder();
    const db = openDatabase(folder.path);
    new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', {});
    const spool = new Spool(db, folder.path, createLog('silent')('test'));
    const time = new RoomTime(db);
    const nowMs = Date.UTC(2026, 5, 1, 9);
    const bootId = randomUUID();
    for (const startMs of [0, 30_000]) {
      const stream = spool.open(randomUUID(), 'hall', 'kit', 1);
      if (!stream) throw new Error('no stream');
      const anchor = { position: 0, bootId, monotonicMs: 1000 + startMs, wallMs: 0, wallSynced: false };
      time.anchor(stream.id, anchor, nowMs + startMs);
      spool.declareHole(stream, { from: 16_000, to: 48_000, reason: 'source-lost' });
      spool.write(stream, 48_000, Buffer.alloc(32_000));
      spool.end(stream, 64_000);
    }
    expect(gapsOf('hall', spool, time)).toEqual([
      { start: nowMs + 1000, end: nowMs + 3000, reason: 'source-lost' },
      { start: nowMs + 4000, end: nowMs + 30_000, reason: 'no-source' },
      { start: nowMs + 31_000, end: nowMs + 33_000, reason: 'source-lost' },
    ]);
    await spool.stop();
    db.close();
    folder.remove();
  });
});

describe('paid sessions', () => {
  test('of filling in end at the daily limit, over restarts, and begin again the next day', () => {
    const folder = temporaryFolder();
    const db = openDatabase(folder.path);
    let nowMs = Date.UTC(2026, 5, 1, 22);
    const budget = () => new DailyBudget(db, 'backfill', 60, () => nowMs);
    budget().spend(2); // billed as 15 s
    expect(budget().spent).toBe(15);
    budget().spend(50);
    expect(budget().isSpent).toBe(true);
    nowMs += 3 * 3_600_000;
    expect(budget().isSpent).toBe(false);
    db.close();
    folder.remove();
  });
});
