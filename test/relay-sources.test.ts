import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DailyBudget } from '../relay/budget.ts';
import { Charge, type Publisher } from '../relay/charge.ts';
import { coveredByOthers } from '../relay/coverage.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import { gapsOf } from '../relay/gaps.ts';
import { EngineQuota } from '../relay/quota.ts';
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
  const source = (device: string): Publisher => ({
    device,
    connectedAtMs: 0,
    replaced: (by) => replaced.push(`${device} by ${by}`),
  });

  beforeEach(() => {
    nowMs = 0;
    replaced.length = 0;
    charge = new Charge(() => nowMs);
  });

  test('is the newest one that takes over, and the older is told', () => {
    expect(charge.take(source('a'), true)).toBe(true);
    expect(charge.take(source('b'), true)).toBe(true);
    expect(charge.holder?.device).toBe('b');
    expect(replaced).toEqual(['a by b']);
  });

  test('is not pushed out by one that only asks, until ten seconds after it left', () => {
    const b = source('b');
    charge.take(b, true);
    expect(charge.take(source('a'), false)).toBe(false);
    charge.release(b);
    nowMs = 9999;
    expect(charge.take(source('a'), false)).toBe(false);
    nowMs = 10_001;
    expect(charge.take(source('a'), false)).toBe(true);
    expect(replaced).toEqual([]);
  });

  test('comes back at once after a cut, whether it asks or takes', () => {
    const first = source('a');
    charge.take(first, true);
    charge.release(first);
    expect(charge.take(source('a'), false)).toBe(true);
  });

  test('is the pinned one and no other', () => {
    charge.take(source('a'), true);
    charge.pin('b');
    expect(charge.holder).toBeNull();
    expect(replaced).toEqual(['a by b']);
    expect(charge.take(source('a'), true)).toBe(false);
    expect(charge.take(source('b'), false)).toBe(true);
    charge.pin(null);
    expect(charge.holder?.device).toBe('b');
    expect(charge.take(source('a'), true)).toBe(true);
  });

  test('leaving late does not end who came after', () => {
    const a = source('a');
    charge.take(a, true);
    charge.take(source('b'), true);
    charge.release(a);
    expect(charge.holder?.device).toBe('b');
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

  test('is known by position', () => {
    const inCharge = stream(randomUUID(), 0);
    for (let second = 10; second < 20; second++) spool.write(inCharge, second * 16_000, oneSecond);
    const displaced = stream(randomUUID(), 4000);
    expect(coveredByOthers(displaced, spool, time)).toEqual([[6 * 16_000, 16 * 16_000]]);
  });

  test('is none where the other had a hole, where both are one kit, or where a time is a guess', () => {
    const boot = randomUUID();
    const inCharge = stream(boot, 0);
    spool.write(inCharge, 0, oneSecond);
    spool.declareHole(inCharge, { from: 16_000, to: 160_000, reason: 'source-lost' });
    expect(coveredByOthers(stream(randomUUID(), 2000), spool, time)).toEqual([]);
    expect(coveredByOthers(stream(boot, 0), spool, time)).toEqual([]);
    expect(coveredByOthers(stream(randomUUID(), 0, false), spool, time)).toEqual([]);
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
  test('leave the reserve to changing over and filling in', () => {
    const quota = new EngineQuota(3, 1);
    const [a, b] = [quota.take('live'), quota.take('live')];
    expect(a && b).not.toBeNull();
    expect(quota.take('live')).toBeNull();
    const handover = quota.take('handover');
    expect(handover).not.toBeNull();
    expect(quota.take('backfill')).toBeNull();
    handover?.release();
    handover?.release(); // given back once
    expect(quota.open).toBe(2);
    a?.release();
    expect(quota.take('live')).not.toBeNull();
  });

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
