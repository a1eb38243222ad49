import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CostLimits, Costs } from '../relay/costs.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import type { Engine } from '../relay/engines/engine.ts';
import { EngineQuota } from '../relay/quota.ts';
import { defaultRecognition } from '../relay/recognition.ts';
import { SaidWords } from '../relay/said.ts';
import { Sessions } from '../relay/sessions.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

let nowMs = 0;
beforeEach(() => {
  nowMs = 0;
});

describe('paid sessions', () => {
  const quotaOf = (maxSessions: number, reserve: number, maxOpenRate = 1000) =>
    new EngineQuota({ maxSessions, reserve, maxOpenRate }, null, () => nowMs);

  test('leave the reserve to changing over and filling in', () => {
    const quota = quotaOf(3, 1);
    expect(quota.take('live', 'a')).not.toBeNull();
    expect(quota.take('live', 'b')).not.toBeNull();
    expect(quota.take('live', 'c')).toBeNull();
    const handover = quota.take('handover', 'a');
    expect(handover).not.toBeNull();
    expect(quota.take('backfill', 'b')).toBeNull();
    handover?.release();
    handover?.release(); // given back once
    expect(quota.open).toBe(2);
  });

  test('are given in the order in which rooms asked, whoever asks first when a place is free', () => {
    const quota = quotaOf(1, 0);
    const first = quota.take('live', 'a');
    expect(quota.take('live', 'b')).toBeNull();
    expect(quota.take('live', 'c')).toBeNull();
    expect([quota.ahead('live', 'b'), quota.ahead('live', 'c'), quota.waitingRooms]).toEqual([0, 1, 2]);
    first?.release();
    expect(quota.take('live', 'c')).toBeNull();
    expect(quota.take('live', 'd')).toBeNull();
    expect(quota.take('live', 'b')).not.toBeNull();
  });

  test('go to changing over before captions, and to captions before filling in', () => {
    const quota = quotaOf(1, 0);
    const first = quota.take('live', 'a');
    for (const purpose of ['backfill', 'live', 'handover'] as const) expect(quota.take(purpose, 'b')).toBeNull();
    first?.release();
    expect(quota.take('backfill', 'b')).toBeNull();
    expect(quota.take('live', 'b')).toBeNull();
    quota.take('handover', 'b')?.release();
    expect(quota.take('backfill', 'b')).toBeNull();
    expect(quota.take('live', 'b')).not.toBeNull();
  });

  test('are not held up by a room that no longer asks', () => {
    const quota = quotaOf(1, 0);
    const first = quota.take('live', 'a');
    quota.take('live', 'gone');
    nowMs = 2000;
    quota.take('live', 'b');
    first?.release();
    nowMs = 4000;
    expect(quota.take('live', 'b')).not.toBeNull();
  });

  test('are opened only so many a second', () => {
    const quota = quotaOf(100, 0, 5);
    let opened = 0;
    for (; nowMs <= 10_000; nowMs += 100)
      for (let room = 0; room < 60; room++)
        if (room >= opened && quota.take('live', `room-${room}`)) {
          opened++;
          expect(opened).toBeLessThanOrEqual(5 + (nowMs / 1000) * 5);
        }
    expect(opened).toBeGreaterThanOrEqual(50);
  });
});

const engine: Engine = {
  ...{ name: 'paid', paid: true, promptPartials: false, check: () => null },
  open: () => ({ write() {}, end() {}, abort() {} }),
};
const assignment = {
  ...{ id: 1, engine: 'paid', language: 'en-US', fromMs: 0 },
  ...{ recognition: defaultRecognition, paused: false },
};
const roomOn = (quota: EngineQuota, room: string) =>
  new Sessions({
    ...{ room, quota, engineFor: () => engine, now: () => nowMs, finishTimeoutMs: 1000 },
    said: new SaidWords(() => 0),
    listener: { partial() {}, final() {}, failed() {}, changed() {} },
    log: createLog('silent')('test'),
  });

describe('a room that has no session yet', () => {
  test('is told whether all places are taken, or only too many begin at once', () => {
    const full = new EngineQuota({ maxSessions: 1, reserve: 0 }, null, () => nowMs);
    roomOn(full, 'a').open(assignment);
    const second = roomOn(full, 'b');
    expect(second.open(assignment)).toBeNull();
    expect(second.failure).toMatchObject({ kind: 'capacity', code: 'engine-quota' });
    const busy = new EngineQuota({ maxSessions: 25, reserve: 3, maxOpenRate: 1 }, null, () => nowMs);
    roomOn(busy, 'a').open(assignment);
    const next = roomOn(busy, 'b');
    expect(next.open(assignment)).toBeNull();
    expect(next.failure).toMatchObject({ kind: 'capacity', code: 'engine-turn' });
    nowMs += 1000;
    expect(next.open(assignment)).not.toBeNull();
  });
});

describe('a room that has a session', () => {
  test('and finds no place for one beside it holds up nobody until it asks again', () => {
    const quota = new EngineQuota({ maxSessions: 2, reserve: 0, maxOpenRate: 2 }, null, () => nowMs);
    const sessions = roomOn(quota, 'a');
    sessions.open(assignment);
    quota.take('live', 'c');
    expect(sessions.openSecond()).toBeNull();
    expect(quota.ahead('live', 'b')).toBe(0);
    expect(sessions.openStandby()).toBeNull();
    expect(quota.ahead('live', 'b')).toBe(0);
  });
});

describe('the cost of paid sessions', () => {
  const folder = temporaryFolder();
  let db: Database;
  beforeEach(() => {
    db = openDatabase(folder.path);
    nowMs = Date.UTC(2026, 5, 1, 9);
  });
  afterEach(() => {
    db.close();
    folder.remove();
  });
  const costsOf = (limits: Partial<CostLimits> = {}) =>
    new Costs(
      db,
      { pricePerMinute: 0.6, alarmPerDay: null, maxPerDay: null, maxPerRoomAndDay: null, ...limits },
      () => nowMs,
    );

  test('is billed by the second, 15 at the least, by room and by what for; open sessions count as they go', () => {
    const costs = costsOf();
    const end = costs.begin('hall', 'live');
    expect(costs.today()).toEqual({ sessions: 1, seconds: 15, money: 0.15 });
    nowMs += 90_400;
    expect(costs.today().seconds).toBe(91);
    end();
    end(); // once
    costs.begin('hall', 'backfill')();
    costs.begin('attic', 'live');
    expect(costs.today({ room: 'hall' })).toEqual({ sessions: 2, seconds: 106, money: (106 * 0.6) / 60 });
    expect(costs.today({ room: 'hall', purpose: 'backfill' }).seconds).toBe(15);
    expect(costs.today().seconds).toBe(121);
  });

  test('is known after a restart, but for the last minute of sessions that were open when the relay was killed', () => {
    const before = costsOf();
    before.begin('hall', 'live')();
    before.begin('hall', 'live');
    nowMs += 120_000;
    before.book();
    nowMs += 30_000;
    expect(costsOf().today({ room: 'hall' })).toEqual({ sessions: 2, seconds: 135, money: 1.35 });
  });

  test('begins anew each day; a session over midnight counts for the day it began', () => {
    const costs = costsOf();
    nowMs = Date.UTC(2026, 5, 1, 23, 59);
    const end = costs.begin('hall', 'live');
    nowMs += 120_000;
    expect(costs.today().seconds).toBe(0);
    end();
    expect(costs.today().seconds).toBe(0);
    nowMs -= 120_000;
    expect(costs.today().seconds).toBe(120);
  });

  test('is told once a day when it reaches alarm and limit', () => {
    const told: string[] = [];
    const limits = { pricePerMinute: 0.6, alarmPerDay: 0.3, maxPerDay: 0.6, maxPerRoomAndDay: null };
    const costs = new Costs(
      db,
      limits,
      () => nowMs,
      (reached, { money }) => told.push(`${reached} ${money}`),
    );
    costs.begin('hall', 'live');
    for (let minute = 0; minute < 3; minute++) {
      nowMs += 40_000;
      costs.book();
    }
    expect(told).toEqual(['alarm 0.4', 'limit 0.8']);
    nowMs += 86_400_000;
    costs.begin('hall', 'live')();
    costs.book();
    expect(told).toHaveLength(2);
  });

  test('warns, and then allows no more, for the relay and for a room', () => {
    const costs = costsOf({ alarmPerDay: 0.3, maxPerDay: 1.2, maxPerRoomAndDay: 0.6 });
    const quota = new EngineQuota({ maxSessions: 10, reserve: 0 }, costs, () => nowMs);
    const lease = quota.take('live', 'hall');
    expect([costs.isAlarming, quota.overspent('hall')]).toEqual([false, null]);
    nowMs += 30_000;
    expect(costs.isAlarming).toBe(true);
    nowMs += 30_000;
    expect(quota.overspent('hall')).toMatch(/This room/);
    expect(quota.overspent('attic')).toBeNull();
    lease?.release();
    quota.take('live', 'attic');
    nowMs += 60_000;
    expect(quota.overspent('vault')).toMatch(/daily limit of spending/);
    nowMs += 86_400_000;
    expect(quota.overspent('hall')).toBeNull();
  });
});
