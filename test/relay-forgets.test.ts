import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { Backfill } from '../relay/backfill.ts';
import { DailyBudget } from '../relay/budget.ts';
import { Costs } from '../relay/costs.ts';
import { openDatabase } from '../relay/database.ts';
import type { Engine } from '../relay/engines/engine.ts';
import { Governing } from '../relay/governing.ts';
import { EngineQuota } from '../relay/quota.ts';
import { Retention } from '../relay/retention.ts';
import { RoomTime } from '../relay/room-time.ts';
import { Rooms } from '../relay/rooms.ts';
import { RunningRooms } from '../relay/running-rooms.ts';
import { Spool } from '../relay/spool.ts';
import { Talks } from '../relay/talks.ts';
import { TextRuleBook } from '../relay/text-rule-book.ts';
import { UnsavedMark } from '../relay/unsaved-mark.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

const log = createLog('silent')('test');
const engine: Engine = {
  ...{ name: 'none', paid: false, promptPartials: false, check: () => null },
  open: () => ({ write() {}, end() {}, abort() {} }),
};

test('a stream that retention deletes leaves nothing behind in memory: neither its times nor its words', async () => {
  const folder = temporaryFolder();
  const db = openDatabase(folder.path);
  const rooms = new Rooms(db, { language: 'en-US', engine: 'none' });
  const spool = new Spool(db, folder.path, log);
  const time = new RoomTime(db);
  const governing = new Governing(db, rooms, time);
  const costs = new Costs(db, { pricePerMinute: 0, alarmPerDay: null, maxPerDay: null, maxPerRoomAndDay: null });
  const quota = new EngineQuota({ maxSessions: 1, reserve: 0 });
  const unsavedMark = new UnsavedMark(folder.path);
  const running = new RunningRooms({
    ...{ db, rooms, spool, time, governing, quota, costs, unsavedMark, log, restAfterMs: 0, defaultEngine: 'none' },
    backfill: new Backfill({ spool, governing, quota, budget: new DailyBudget(db, 'backfill', 0), log }),
    engineFor: () => engine,
    textRules: new TextRuleBook(db, log),
    talks: new Talks(db),
  });
  running.start();
  const room = running.put('hall', {});
  const stream = spool.open(randomUUID(), 'hall', 'kit', 1);
  if (!stream) throw new Error('no stream');
  time.anchor(
    stream.id,
    { position: 0, bootId: randomUUID(), monotonicMs: 0, wallMs: 0, wallSynced: false },
    Date.now(),
  );
  room.said.add(stream.id, 0, 1600, []);
  spool.end(stream, 0);
  expect([time.anchoredBoot(stream.id) !== null, room.said.has(stream.id, 800)]).toEqual([true, true]);
  const settings = { retain: 'hours', retainHours: 1, maxSpoolBytes: 1e9 } as const;
  await new Retention(spool, settings, log, () => Date.now() + 3 * 86_400_000).run();
  expect(spool.get(stream.id)).toBeUndefined();
  expect([time.anchoredBoot(stream.id) !== null, room.said.has(stream.id, 800)]).toEqual([false, false]);
  await running.stop(0);
  await spool.stop();
  db.close();
  unsavedMark.close();
  folder.remove();
});
